package xml

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// A document inside another is read from the place where it is, and the next
// document at that place as the first.
func TestDocumentAtAPlace(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.part.order.ssn"}, {Path: "$..email"}})
	checked, err := Format.Check(sel, codec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const first = "\ufeff" + `<?xml version="1.0"?><order xmlns:p="u"><ssn><p:a/></ssn><part><order><ssn>no</ssn></order></part></order>`
	const second = `<order xmlns:q="u"><q:ssn>2</q:ssn><email>3</email></order><!-- -->`
	for _, step := range []int{1000, 1, 7} {
		var place codec.Cursor
		place.Start(sel)
		place.Member([]byte("part"))
		var fields []seen
		var out codec.Output
		var tags codec.Splicer
		limits := codec.Limits{}.WithDefaults()
		tags.Reset(sel, recording(&fields, sealing), limits)
		s, err := Format.Scan(codec.Body{At: place, Inner: true, Checked: checked, Limits: limits}, &tags)
		if err != nil {
			t.Fatal(err)
		}
		base := int64(0)
		for _, body := range []string{first, second} {
			for at := 0; at < len(body); at += step {
				p := []byte(body[at:min(at+step, len(body))])
				tags.Chunk(&out, p)
				err = errors.Join(err, s.Scan(p, base), tags.Splice())
				base += int64(len(p))
			}
			err = errors.Join(err, s.End(base))
		}
		s.Free()
		if err != nil || describe(fields) != "0 raw1 <p:a/>|0 text 2|1 text 3" || out.Len() == len(first+second) {
			t.Errorf("by %d: %s, %v: %s", step, describe(fields), err, bytes.Join(out.Segments(), nil))
		}
		tags.Free()
		out.Reset()
	}
}

// A rule for the whole document cannot hold, and refuses the body.
func TestWholeDocument(t *testing.T) {
	_, err := rewrite(mustSelect(t, []codec.Rule{{Path: "$"}}), keep, codec.Limits{}, `<r/>`, nil)
	if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.Malformed || !strings.Contains(e.Detail, "whole document") || e.Format != Format.Name {
		t.Error(err)
	}
}

// A body of rules that Check has not seen is not read, and options are refused.
func TestCheckIsNeeded(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$.r.ssn"}})
	if _, err := Format.New(codec.Body{At: sel.Root()}); !errors.Is(err, errUnchecked) {
		t.Errorf("New without Check: %v", err)
	}
	for _, o := range []codec.Options{{Schema: []byte{}}, {Settings: map[string]string{"delimiter": ";"}}} {
		if _, err := Format.Check(sel, o); err == nil {
			t.Errorf("options %v are taken", o)
		}
	}
}

// TestMemoryStaysBounded streams far more than it may hold of it, and a
// recycled scanner keeps little of a body that took much.
func TestMemoryStaysBounded(t *testing.T) {
	sel := mustSelect(t, []codec.Rule{{Path: "$..email"}, {Path: "$.r.n[7]"}})
	d := new(document) // not a recycled one, which another test may have grown
	var tags codec.Splicer
	var out codec.Output
	limits := codec.Limits{Fields: 1 << 30}.WithDefaults()
	checked, _ := Format.Check(sel, codec.Options{})
	tags.Reset(sel, sealing, limits)
	d.begin(codec.Body{At: sel.Root(), Limits: limits}, checked.(*tables), &tags)
	piece := []byte(`<n xmlns:p="urn:p" a="1"><x><email>v</email>text</x></n><!-- c -->`)
	base := int64(0)
	write := func(p []byte) {
		t.Helper()
		tags.Chunk(&out, p)
		if err := errors.Join(d.scan(p), tags.Splice()); err != nil {
			t.Fatal(err)
		}
		base += int64(len(p))
		out.Reset()
	}
	write([]byte(`<r>`))
	for i := range 20_000 {
		cut := i % len(piece)
		write(piece[:cut])
		write(piece[cut:])
	}
	if n := cap(d.open) + cap(d.names) + cap(d.spaces.bindings) + cap(d.spaces.prefixes) + cap(d.spaces.text) + cap(d.spaces.names) + cap(d.rules.counts) + cap(d.rules.outer) + len(d.value.encoders.contents); n > 1000 {
		t.Errorf("%d entries", n)
	}
	name := strings.Repeat("n", 60_000)
	for range 5 {
		write([]byte("<" + name + ">"))
	}
	for i := range 200 {
		write([]byte(`<a xmlns:p` + strings.Repeat("p", i) + `="u"><email>v</email></a>`))
	}
	d.free()
	if cap(d.names) > keptBytes || cap(d.spaces.text) > keptBytes || len(d.value.encoders.contents) > keptEncoders {
		t.Errorf("%d bytes of names, %d encoders are kept", cap(d.names), len(d.value.encoders.contents))
	}
	tags.Free()
}

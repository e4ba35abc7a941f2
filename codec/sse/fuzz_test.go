package sse

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

var anyLineEnd = regexp.MustCompile(`\r\n|\r|\n`)

// browser reads the data of events as browsers do (WHATWG HTML §9.2.6), also of
// an event that no blank line ends. strict reports whether all other lines are
// ones that this format takes.
func browser(body string) (data []string, strict bool) {
	strict = true
	var lines []string
	end := func() {
		if lines != nil {
			data = append(data, strings.Join(lines, "\n"))
		}
		lines = nil
	}
	for _, line := range anyLineEnd.Split(strings.TrimPrefix(body, "\ufeff"), -1) {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case line == "":
			end()
		case name == "data":
			lines = append(lines, strings.TrimPrefix(value, " "))
		case name == "" || name == "event" || name == "id" || name == "retry":
			strict = strict && isText([]byte(line))
		default:
			strict = false
		}
	}
	end()
	return data, strict
}

// liner reads each data line as an event, as simple clients do.
func liner(body string) (data []string) {
	for _, line := range strings.Split(body, "\n") {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\r"), "data:"); ok {
			data = append(data, value)
		}
	}
	return data
}

// FuzzReaders: what is accepted is what a browser reads as JSON, and comes out
// as it went in. Of what is sealed, no reader finds a tagged value that is in
// clear.
func FuzzReaders(f *testing.F) {
	for _, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add(c, uint16(len(c)/2))
	}
	sel := codectest.Select(f, codec.Rule{Path: "$.ssn"}, codec.Rule{Path: "$[0].ssn"})
	f.Fuzz(func(t *testing.T, body string, cut uint16) {
		data, strict := browser(body)
		for _, d := range data {
			strict = strict && (strings.Trim(d, " \t\n") == "" || json.Valid([]byte(d)))
		}
		cuttings := [][]int{nil, {int(cut) % (len(body) + 1)}, codectest.Everywhere(len(body), 1)}
		for _, cuts := range cuttings {
			got, err := codectest.RewriteBody(&events, codec.Body{Direction: codec.Response}, body, cuts)
			if err == nil && !strict || err == nil && got != body {
				t.Fatalf("%q cut at %v: %q; a browser reads %q", body, cuts, got, data)
			}
		}
		var whole, wholeErr string
		for i, cuts := range cuttings {
			got, err := rewrite(t, sel, plain, codectest.Seal, body, cuts)
			if i == 0 {
				whole, wholeErr = got, fmt.Sprint(err)
			} else if got != whole || fmt.Sprint(err) != wholeErr {
				t.Fatalf("%q cut at %v: %q, %v; whole %q, %s", body, cuts, got, err, whole, wholeErr)
			}
		}
		if wholeErr != "<nil>" {
			return
		}
		sealed, _ := browser(whole)
		if len(sealed) != len(data) {
			t.Fatalf("%q has %d events, and sealed as %q %d", body, len(data), whole, len(sealed))
		}
		for _, d := range append(sealed, liner(whole)...) {
			if clear(d) {
				t.Fatalf("%q was sealed as %q, with %q in clear", body, whole, d)
			}
		}
	})
}

// clear reports whether a reader of data finds a tagged value that is not
// sealed.
func clear(data string) bool {
	var list []json.RawMessage
	if json.Unmarshal([]byte(data), &list) == nil && len(list) > 0 {
		data = string(list[0])
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(data), &object) != nil {
		return false
	}
	ssn, found := object["ssn"]
	var text string
	return found && (json.Unmarshal(ssn, &text) != nil || text == "" || text[0]-'0' > 3)
}

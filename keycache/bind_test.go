package keycache

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// A value that is sealed in one record opens in no other, whatever its tag; and
// a tag that is not bound yet seals and opens nothing.
func TestBind(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	defer r.end()
	unbound, err := r.Tag("pii", "k", suite.XAES256GCM, map[string]string{"service": "x"}, "customer")
	if err != nil {
		t.Fatal(err)
	}
	bind := func(id string) *Tag {
		t.Helper()
		tag, err := unbound.Bind([]string{id})
		if err != nil {
			t.Fatal(err)
		}
		return tag
	}
	s := r.session()
	defer func() { _ = s.Close(nil) }()
	sealed, err := s.Seal(nil, bind("1"), codec.Text, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	static, err := r.Tag("pii", "k", suite.XAES256GCM, map[string]string{"service": "x", "customer": "1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tag    *Tag
		reason Reason
	}{
		"the same":                {bind("1"), ""},
		"the same, in the policy": {static, ""},
		"another record":          {bind("2"), OpenFailed},
		"another spelling":        {bind("01"), OpenFailed},
		"none":                    {bind(""), OpenFailed},
		"not bound":               {r.tag, OpenFailed},
		"not bound yet":           {unbound, KeyMisconfigured},
	} {
		got, _, err := s.Open(nil, c.tag, sealed)
		if c.reason == "" {
			if err != nil || string(got) != "v" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		r.wantReason(err, c.reason)
		if len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := s.Seal(nil, unbound, codec.Text, []byte("v")); !errors.Is(err, errUnbound) {
		t.Errorf("sealed without a record: %v", err)
	}
	for _, values := range [][]string{nil, {"1", "2"}} {
		if _, err := unbound.Bind(values); err == nil {
			t.Errorf("bound to %v", values)
		}
	}
	if tag, err := static.Bind(nil); err != nil || tag != static {
		t.Errorf("a tag without anything to bind: %v", err)
	}
	if _, err := r.Tag("pii", "k", suite.XAES256GCM, map[string]string{"customer": "x"}, "customer"); err == nil {
		t.Error("a pair twice")
	}
}

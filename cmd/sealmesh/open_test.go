package main

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// A start goes on without a KEK that gives no clear answer, while others are enough; it
// never goes on without one that says no.
func TestUsable(t *testing.T) {
	kek := hsm.KEK{URI: "local:a", Kind: "local", Identity: "a"}
	for _, c := range []struct {
		class  hsm.Class
		quorum int
		want   bool
	}{
		{hsm.Unavailable, 1, true},
		{hsm.Unclear, 1, true},
		{hsm.Unavailable, 2, false},
		{hsm.Unclear, 2, false},
		{hsm.Denied, 1, false},
		{hsm.Misconfigured, 1, false},
		{hsm.Unsupported, 1, false},
		{hsm.Corrupt, 1, false},
	} {
		away := hsm.UnavailableKEK{URI: "local:b", Err: &hsm.Error{Class: c.class, Err: errors.New("why")}}
		err := usable(&hsm.Key{Name: "k", KEKs: []hsm.KEK{kek}, Unavailable: []hsm.UnavailableKEK{away}, Quorum: c.quorum})
		if (err == nil) != c.want {
			t.Errorf("one of two KEKs %v, quorum %d: %v, want a start: %v", c.class, c.quorum, err, c.want)
		}
	}
}

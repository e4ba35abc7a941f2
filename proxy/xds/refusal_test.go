package xds

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// A NACK ends the Set. Envoy goes on with what it had, and gets the resource
// again with the next Set, even if it is the same.
func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("good", "1"), table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "good", "r")
		e.ack(e.got(t, "good r"))
		bad := []Resource{table("good", "1"), table("r", "bad")}
		done := replace(t.Context(), s, bad...)
		e.nack(e.got(t, "r"), strings.Repeat("no such filter ", 1000))
		var refusal *Refusal
		if err := done.returns(t); !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if refusal.Node != "e" || refusal.Type != rds || strings.Join(refusal.Names, " ") != "r" || len(refusal.Reason) != maxReason {
			t.Errorf("%+v", refusal)
		}
		if !strings.HasPrefix(refusal.Error(), `Envoy "e" refused RouteConfiguration (r): no such filter`) {
			t.Error(refusal)
		}
		e.quiet(t) // no loop
		if n := s.Nodes()[0]; n.Acknowledged || n.Refusal != refusal {
			t.Errorf("%+v", n)
		}

		done = replace(t.Context(), s, bad...)
		e.nack(e.got(t, "r"), "still none")
		if err := done.returns(t); !errors.As(err, &refusal) || refusal.Reason != "still none" {
			t.Fatal(err)
		}
		// Envoy holds the first one, but who knows.
		done = replace(t.Context(), s, table("good", "2"), table("r", "1"))
		e.ack(e.got(t, "good r"))
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
		if n := s.Nodes()[0]; !n.Acknowledged || n.Refusal == nil {
			t.Errorf("%+v", n)
		}
	})
}

// A removal that Envoy refused is said again.
func TestRefusedRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("q", "1"), table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "q", "r")
		e.ack(e.next(t))
		replace(t.Context(), s, table("q", "bad"))
		e.nack(e.got(t, "q -r"), "q is bad")
		done := replace(t.Context(), s, table("q", "2"))
		e.ack(e.got(t, "q -r"))
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
	})
}

// A NACK of what a later Set has already replaced is not one of that Set.
func TestLateRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "bad"), table("same", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "r", "same")
		bad := e.next(t)
		done := replace(t.Context(), s, table("r", "2"), table("same", "1"))
		e.quiet(t) // one response at a time
		e.nack(bad, "bad")
		// It is not known which of them Envoy took.
		e.ack(e.got(t, "r same"))
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
	})
}

// An Envoy that refused and went away is still one that refused.
func TestRefusalOfEnvoyThatWentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "1"))
		a, b := connect(t, s, "a"), connect(t, s, "b")
		for _, e := range []*fake{a, b} {
			e.subscribe(rds, "r")
			e.ack(e.next(t))
		}
		done := replace(t.Context(), s, table("r", "2"))
		done.waits(t)
		a.nack(a.next(t), "no")
		synctest.Wait()
		a.close()
		var refusal *Refusal
		if err := done.returns(t); !errors.As(err, &refusal) || refusal.Node != "a" {
			t.Fatal(err)
		}
	})
}

// An answer to nothing is none.
func TestUnknownNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "r")
		e.next(t)
		e.ack(&discovery.DeltaDiscoveryResponse{TypeUrl: rds, Nonce: "77"})
		e.nack(&discovery.DeltaDiscoveryResponse{TypeUrl: rds, Nonce: "78"}, "no")
		synctest.Wait()
		if n := s.Nodes()[0]; n.Acknowledged || n.Refusal != nil {
			t.Errorf("%+v", n)
		}
	})
}

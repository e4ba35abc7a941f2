package xds

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

func names(r *discovery.DeltaDiscoveryResponse) string {
	var list []string
	for _, x := range r.Resources {
		list = append(list, x.Name)
	}
	for _, x := range r.RemovedResources {
		list = append(list, "-"+x)
	}
	return strings.Join(list, " ")
}

// got fails the test unless Envoy gets these names next, removed ones with a
// minus.
func (f *fake) got(t *testing.T, want string) *discovery.DeltaDiscoveryResponse {
	t.Helper()
	r := f.next(t)
	if got := names(r); got != want {
		t.Fatalf("Envoy got %q, want %q", got, want)
	}
	return r
}

// A Set returns when Envoy has acknowledged each type that it asks for, and
// sends what has changed, and nothing else.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		place(t, s, table("r", "1"), table("same", "1"), table("unwanted", "1"), Resource{"c", &clusterv3.Cluster{Name: "c"}})
		e := connect(t, s, "e")
		e.subscribe(cds)
		e.ack(e.got(t, "c"))
		e.subscribe(rds, "r", "same")
		e.ack(e.got(t, "r same"))

		done := replace(t.Context(), s, table("r", "2"), table("same", "1"), table("unwanted", "2"), Resource{"c", &clusterv3.Cluster{Name: "c"}})
		r := e.got(t, "r")
		done.waits(t)
		e.ack(r)
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
		done = replace(t.Context(), s, table("same", "1"))
		removedC := e.got(t, "-c") // clusters are first
		removedR := e.got(t, "-r")
		e.ack(removedR)
		done.waits(t)
		e.ack(removedC)
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
		// Nothing of Envoy's differs.
		if err := replace(t.Context(), s, table("same", "1"), table("unwanted", "3")).returns(t); err != nil {
			t.Fatal(err)
		}
		e.quiet(t)
	})
}

// An Envoy that was connected before says what it holds.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		place(t, s, table("new", "1"), table("same", "1"))
		first := connect(t, s, "e")
		first.subscribe(rds, "same", "new")
		version := first.next(t).Resources[1].Version

		again := connect(t, newServerWith(t, table("same", "1"), table("new", "1")), "e")
		again.send(&discovery.DeltaDiscoveryRequest{
			TypeUrl: rds, ResourceNamesSubscribe: []string{"same", "new", "gone", "never"},
			InitialResourceVersions: map[string]string{"same": version, "new": "old", "gone": "x", "unwanted": "y"},
		})
		again.ack(again.got(t, "new -gone"))
		again.quiet(t)
	})
}

func newServerWith(t *testing.T, rs ...Resource) *Server {
	s := newServer()
	place(t, s, rs...)
	return s
}

// Envoy waits for a first response for all clusters, also for an empty one.
func TestFirstResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		e := connect(t, s, "e")
		e.subscribe(cds)
		e.subscribe(rds, "later")
		e.quiet(t) // nothing is known before the first Set
		done := replace(t.Context(), s)
		e.ack(e.got(t, ""))
		e.quiet(t) // what is named, Envoy waits for
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
		replace(t.Context(), s, table("later", "1"))
		e.got(t, "later")
	})
}

// What Envoy no longer asks for, it gets again if it asks again.
func TestUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := connect(t, newServerWith(t, table("r", "1"), table("q", "1")), "e")
		e.subscribe(rds, "r", "q")
		e.ack(e.got(t, "q r"))
		e.send(&discovery.DeltaDiscoveryRequest{TypeUrl: rds, ResourceNamesUnsubscribe: []string{"r"}})
		e.quiet(t)
		e.subscribe(rds, "r")
		e.got(t, "r")
	})
}

// An Envoy whose stream ends may run on with the old routes.
func TestSetWaitsForEnvoyThatWentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "r")
		e.ack(e.next(t))
		done := replace(t.Context(), s, table("r", "2"))
		e.got(t, "r")
		e.close()
		done.waits(t)

		other := connect(t, s, "other")
		other.subscribe(rds, "r")
		other.ack(other.next(t))
		done.waits(t) // that was another Envoy

		e = connect(t, s, "e")
		done.waits(t)
		e.subscribe(cds)
		e.ack(e.next(t))
		done.waits(t) // its routes are still the old ones
		e.subscribe(rds, "r")
		r := e.next(t)
		done.waits(t)
		e.ack(r)
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
	})
}

// An Envoy that went away after it had acknowledged is done.
func TestEnvoyThatAcknowledgedMayGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "1"))
		a, b := connect(t, s, "a"), connect(t, s, "b")
		for _, e := range []*fake{a, b} {
			e.subscribe(rds, "r")
			e.ack(e.next(t))
		}
		done := replace(t.Context(), s, table("r", "2"))
		a.ack(a.next(t))
		synctest.Wait()
		a.close()
		done.waits(t)
		b.ack(b.next(t))
		if err := done.returns(t); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServerWith(t, table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "r")
		e.subscribe(cds)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.Set(ctx, []Resource{table("r", "2")})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `Envoy "e" has not acknowledged Cluster, RouteConfiguration`) {
			t.Fatal(err)
		}
		first := replace(t.Context(), s, table("r", "3"))
		first.waits(t)
		second := replace(t.Context(), s, table("r", "4"))
		if err := first.returns(t); !errors.Is(err, ErrReplaced) {
			t.Fatal(err)
		}
		go e.ackAll()
		if err := second.returns(t); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.streams[0].types[rds].flights); n != 0 {
			t.Errorf("%d responses are unanswered", n)
		}
	})
}

// Put does not wait for Envoy, which gets the resources all the same.
func TestPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		place(t, s, table("r", "1"))
		e := connect(t, s, "e")
		e.subscribe(rds, "r")
		e.ack(e.got(t, "r"))
		if err := s.Put([]Resource{table("r", "2")}); err != nil {
			t.Fatal(err)
		}
		r := e.got(t, "r")
		if s.Nodes()[0].Acknowledged {
			t.Error("acknowledged before Envoy has answered")
		}
		e.ack(r)
		synctest.Wait()
		if !s.Nodes()[0].Acknowledged {
			t.Error("not acknowledged")
		}
		if s.Put([]Resource{{}}) == nil {
			t.Error("a resource without a name was taken")
		}
	})
}

func TestWrongResources(t *testing.T) {
	s := newServerWith(t, table("r", "1"))
	for want, rs := range map[string][]Resource{
		"is there twice": {table("r", "2"), table("r", "3")},
		"has no name":    {table("", "2")},
		"means all":      {table("*", "2")},
		"has no body":    {{Name: "r"}},
		"UTF-8":          {table("r", "\xff")},
	} {
		if err := s.Set(t.Context(), rs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if s.sets != 1 {
		t.Error("wrong resources were put in place")
	}
}

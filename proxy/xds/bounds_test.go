package xds

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		for i := range maxStreams {
			connect(t, s, fmt.Sprint(i))
			synctest.Wait()
		}
		e := connect(t, s, "one more")
		<-e.done
		if status.Code(e.err) != codes.ResourceExhausted {
			t.Fatal(e.err)
		}
		if n := len(s.Nodes()); n != maxStreams {
			t.Errorf("%d streams", n)
		}
	})
}

func TestPeerIsBounded(t *testing.T) {
	many := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint(i))
		}
		return list
	}
	versions := map[string]string{}
	for _, name := range many(maxNames + 1) {
		versions[name] = "v"
	}
	for name, ask := range map[string]func(*fake){
		"types": func(f *fake) {
			for i := range maxTypes + 1 {
				f.subscribe(fmt.Sprint("type", i))
			}
		},
		"names": func(f *fake) { f.subscribe(rds, many(maxNames+1)...) },
		"names by and by": func(f *fake) {
			f.subscribe(rds, many(maxNames)...)
			f.subscribe(rds, "x")
		},
		"versions": func(f *fake) {
			f.send(&discovery.DeltaDiscoveryRequest{TypeUrl: rds, InitialResourceVersions: versions})
		},
		"long name": func(f *fake) { f.subscribe(rds, strings.Repeat("x", maxName+1)) },
		"long type": func(f *fake) { f.subscribe(strings.Repeat("x", maxName+1)) },
		"no answers": func(f *fake) {
			for range 100 * maxUnanswered {
				f.send(&discovery.DeltaDiscoveryRequest{TypeUrl: rds, ResourceNamesSubscribe: []string{"r"}, ResourceNamesUnsubscribe: []string{"r"}})
				f.subscribe(rds, "r")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := connect(t, newServerWith(t, table("r", "1")), "e")
				ask(e)
				<-e.done
				if status.Code(e.err) != codes.ResourceExhausted {
					t.Error(e.err)
				}
			})
		})
	}
}

// Names that a node says are kept short.
func TestLongNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		e := connect(t, s, strings.Repeat("é", maxName))
		e.subscribe(rds, "r")
		synctest.Wait()
		if n := s.Nodes()[0]; len(n.ID) > maxName || n.Version != "1.40.0" {
			t.Errorf("%+v", n)
		}
	})
}

func TestOtherVariantIsRefused(t *testing.T) {
	err := (&service{}).StreamAggregatedResources(nil)
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "DELTA_GRPC") {
		t.Error(err)
	}
}

// Memory does not grow with the number of Sets, neither for an Envoy that
// answers nor for one that does not.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 10,000 Sets")
	}
	s := newServerWith(t, table("r", "first"))
	e, deaf := connect(t, s, "e"), connect(t, s, "deaf")
	go e.ackAll()
	for _, f := range []*fake{e, deaf} {
		f.subscribe(rds, "r")
		f.subscribe(cds)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	heap := func(sets int) uint64 {
		for i := range sets {
			_ = s.Set(ctx, []Resource{table("r", fmt.Sprint(i, strings.Repeat("x", 10_000))), table("q", fmt.Sprint(i))})
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap(500)
	if after := heap(10_000); after > before+1<<20 {
		t.Errorf("%d bytes after 500 Sets, %d after 10,500", before, after)
	}
}

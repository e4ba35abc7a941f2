package keycache

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Everything at once, in real time, for the race detector: values always come
// back as they went in, no data key exceeds its uses, and the only errors are
// those of the KMS.
func TestEverythingAtOnce(t *testing.T) {
	const workers, rounds, uses = 8, 150, 50
	m := keycachetest.NewKMS("a")
	cfg := keyOf(m)
	cfg.Rotate.Uses = uses
	r := newRig(t, cfg, Options{MaxKeys: 4, Parallel: 3})
	old := foreign(t, 8, "foreign", m)
	var mu sync.Mutex
	sealed := map[envelope.KeyID]int{}
	var wg sync.WaitGroup
	for w := range workers {
		rng := rand.New(rand.NewPCG(1, uint64(w)))
		wg.Go(func() {
			for range rounds {
				s := r.session()
				s.Warm(r.tag)
				foreign := old[rng.IntN(len(old))]
				s.Prefetch(r.tag, foreign)
				text, err := s.Seal(nil, r.tag, codec.Text, []byte("value"))
				if err == nil {
					mu.Lock()
					sealed[headerOf(t, text).KeyID]++
					mu.Unlock()
					check(t, s, r.tag, text, "value")
				} else if e, ok := errors.AsType[*Error](err); !ok || e.Reason != KeyDenied {
					t.Errorf("seal: %v", err)
				}
				check(t, s, r.tag, foreign, "foreign")
				if err := s.Close(nil); err != nil {
					t.Error(err)
				}
				switch rng.IntN(40) {
				case 0:
					r.Flush("")
				case 1:
					m.Answer(0, hsm.Denied)
				case 2:
					_, _ = r.Stats(), r.Keys()
				default:
					m.Answer(0, 0)
				}
			}
		})
	}
	wg.Wait()
	for id, n := range sealed {
		if n > uses {
			t.Errorf("data key %x sealed %d values, at most %d", id, n, uses)
		}
	}
	if len(sealed) < 3 {
		t.Errorf("%d data keys: nothing was rotated", len(sealed))
	}
	r.end()
}

func check(t *testing.T, s *Session, tag *Tag, text []byte, want string) {
	got, _, err := s.Open(nil, tag, text)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != KeyDenied {
			t.Errorf("open: %v", err)
		}
		return
	}
	if string(got) != want {
		t.Errorf("opened %q, want %q", got, want)
	}
}

package keycache

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// What only a KEK that is away may have wrapped is unavailable, not forged, and
// costs no call; what others wrapped opens.
func TestAwayKEK(t *testing.T) {
	a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	onlyB, both := foreign(t, 1, "v", b)[0], foreign(t, 1, "v", a, b)[0]
	cfg := keyOf(a)
	cfg.Unavailable = []hsm.UnavailableKEK{{URI: "mem:b", Err: errors.New("no answer")}}
	cfg.Quorum = 2
	r := newRig(t, cfg, Options{})
	r.mustOpen(both, "v")
	calls := a.Unwraps.Load()
	for range 2 {
		_, err := r.open(onlyB)
		r.wantReason(err, KeyUnavailable)
	}
	wantCount(t, "unwraps", a.Unwraps.Load(), calls)
	_, err := r.seal("v") // short of its quorum
	r.wantReason(err, KeyUnavailable)
	s := r.Keys()[0]
	if len(s.KEKs) != 2 || s.KEKs[1].URI != "mem:b" || s.KEKs[1].Last.Operation != "open" || !s.KEKs[1].Shut || r.Stats()[0].Unavailable != 1 {
		t.Errorf("status %+v", s)
	}
	r.end()
}

// A data key that not every KEK of the policy wrapped counts as degraded,
// though all that are there did.
func TestSealingWithAKEKAway(t *testing.T) {
	a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	cfg := keyOf(a)
	cfg.Unavailable = []hsm.UnavailableKEK{{URI: "mem:b", Err: errors.New("no answer")}}
	r := newRig(t, cfg, Options{})
	text := r.mustSeal("v")
	if n := r.Stats()[0].Degraded; n != 1 {
		t.Errorf("%d degraded data keys, want 1", n)
	}
	r.end()
	r = newRig(t, keyOf(b, a), Options{}) // where both are there
	r.mustOpen(text, "v")
	r.end()
}

func TestPinnedByAKEKThatIsAway(t *testing.T) {
	a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	cfg := pinnedKey(t, a)
	cfg.KEKs = keyOf(b).KEKs
	cfg.Unavailable = []hsm.UnavailableKEK{{URI: "mem:a", Err: errors.New("no answer")}}
	ring := ringOf(t, cfg)
	r := newRig(t, keyOf(b), Options{})
	defer r.end()
	if _, err := New(ring, Options{Recorder: r.rec}); hsm.ClassOf(err) != hsm.Unavailable || !errors.Is(err, keks.ErrNoWrap) {
		t.Errorf("error %v, want one that says unavailable", err)
	}
}

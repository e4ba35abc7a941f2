package keycache

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		m.Answer(10*time.Millisecond, 0)
		r := newRig(t, keyOf(m), Options{})
		r.dataKeys.Idle = calls.NewAllowance(0, 0) // data keys lie dormant
		text := r.mustSeal("v")
		r.mustOpen(text, "v")
		r.mustOpen(text, "v")
		r.Flush("k")
		r.mustOpen(text, "v")
		time.Sleep(2 * DefaultSoft)
		m.Answer(0, hsm.Unavailable)
		r.mustOpen(text, "v") // stale
		m.Answer(0, hsm.Denied)
		r.Flush("k")
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)

		s := r.Stats()[0]
		if s.Key != "k" || s.Hits != 2 || s.Stale != 1 || s.Entries != 0 {
			t.Errorf("stats %+v", s)
		}
		wantNonZero(t, "misses", s.Misses, map[string]uint64{"flushed": 2, "idle": 1})
		wantNonZero(t, "evictions", s.Evictions, map[string]uint64{"flushed": 2})
		wantNonZero(t, "rotations", s.Rotations, map[string]uint64{"initial": 1})
		for _, c := range s.Calls {
			want := map[string]map[string]uint64{
				"generate": {"ok": 1}, "wrap": {}, "unwrap": {"ok": 1, "denied": 1}, "verify": {"unavailable": 1},
			}[c.Operation]
			wantNonZero(t, c.Operation, c.Results, want)
			if c.Operation == "generate" && c.Time != 10*time.Millisecond {
				t.Errorf("generating took %v, want 10ms", c.Time)
			}
		}
		st := r.Keys()[0]
		if st.DataKey != nil || !st.KEKs[0].Shut || hsm.ClassOf(st.KEKs[0].Last.Err) != hsm.Denied {
			t.Errorf("status %+v", st)
		}
		r.end()
	})
}

func wantNonZero(t *testing.T, what string, got, want map[string]uint64) {
	t.Helper()
	got = maps.Clone(got)
	maps.DeleteFunc(got, func(_ string, n uint64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

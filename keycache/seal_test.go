package keycache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Past 90 % of its age a data key gets a successor, and nobody waits for it.
func TestRotationByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		r.mustSeal("v")
		m.Answer(100*time.Millisecond, 0)
		ids := map[envelope.KeyID]time.Time{}
		for range 4 * 24 * 60 {
			start := time.Now()
			id := headerOf(t, r.mustSeal("v")).KeyID
			if time.Since(start) != 0 {
				t.Fatal("a seal waited for a rotation")
			}
			if _, ok := ids[id]; !ok {
				ids[id] = start
			}
			if age := time.Since(ids[id]); age > DefaultRotateAge {
				t.Fatalf("a data key sealed at the age of %v", age)
			}
			time.Sleep(time.Minute)
		}
		if len(ids) != 5 {
			t.Errorf("%d data keys in four days, want 5", len(ids))
		}
		if n := r.Stats()[0].Rotations["age"]; n != 4 {
			t.Errorf("%d rotations by age, want 4", n)
		}
		r.end()
	})
}

// Many sessions at once never exceed a data key's uses, and no seal is refused.
func TestUsesAreExactUnderConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const uses, workers, each = 100, 16, 200
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Rotate.Uses = uses
		r := newRig(t, cfg, Options{})
		m.Answer(20*time.Millisecond, 0)
		var mu sync.Mutex
		sealed := map[envelope.KeyID]int{}
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each / 10 {
					s := r.session()
					for range 10 {
						out, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						sealed[headerOf(t, out).KeyID]++
						mu.Unlock()
					}
					if err := s.Close(nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		total := 0
		for id, n := range sealed {
			total += n
			if n > uses {
				t.Errorf("data key %x sealed %d values, at most %d", id, n, uses)
			}
		}
		if total != workers*each {
			t.Errorf("%d values sealed, want %d", total, workers*each)
		}
		if len(sealed) > 3*total/uses {
			t.Errorf("%d data keys for %d values: claims are wasted", len(sealed), total)
		}
		r.end()
	})
}

func TestRotationByUsesLeavesNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Rotate.Uses = 1000
		r := newRig(t, cfg, Options{})
		r.mustSeal("v")
		m.Answer(50*time.Millisecond, 0)
		for range 5000 {
			start := time.Now()
			r.mustSeal("v")
			if time.Since(start) != 0 {
				t.Fatal("a seal waited for a rotation")
			}
			time.Sleep(time.Millisecond)
		}
		if n := r.Stats()[0].Rotations["uses"]; n != 5 {
			t.Errorf("%d rotations by uses, want 5", n)
		}
		r.end()
	})
}

// Who still holds the data key of before a rotation gets the one of after it,
// not one more.
func TestLateComerMakesNoDataKey(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, keyOf(m), Options{})
	r.mustSeal("v")
	k := r.keys["k"]
	old := k.Keys.Current()
	for range 2 {
		d, err := k.MakeSuccessor(old, trace.SpanContext{}).Wait(context.Background())
		if err != nil || d == old || d != k.Keys.Current() {
			t.Errorf("successor %p of %p, %v", d, old, err)
		}
	}
	wantCount(t, "generates", m.Generates.Load(), 2)
	r.end()
}

func TestRotationByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Rotate.Bytes = 1000
		r := newRig(t, cfg, Options{})
		sealed := map[envelope.KeyID]int{}
		for range 50 {
			sealed[headerOf(t, r.mustSeal(strings.Repeat("v", 99))).KeyID] += 99
		}
		for id, n := range sealed {
			if n > 1000 {
				t.Errorf("data key %x sealed %d bytes, at most 1000", id, n)
			}
		}
		_, err := r.seal(strings.Repeat("v", 1001))
		r.wantReason(err, KeyMisconfigured)
		r.mustSeal(strings.Repeat("v", 1000))
		r.end()
	})
}

// At the hard limit, with no successor to be had, sealing fails.
func TestNoSuccessorNoSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Rotate.Uses = 10
		r := newRig(t, cfg, Options{})
		text := r.mustSeal("v")
		m.Answer(0, hsm.Unavailable)
		for range 9 {
			r.mustSeal("v")
		}
		_, err := r.seal("v")
		r.wantReason(err, KeyUnavailable)
		r.mustOpen(text, "v")
		r.end()
	})
}

func TestSessionGivesBackWhatItDidNotUse(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	for range 7 {
		r.mustSeal("12345")
	}
	s := r.Keys()[0].DataKey
	if s.Uses != 7 || s.Bytes != 35 {
		t.Errorf("%d uses, %d bytes; want 7, 35", s.Uses, s.Bytes)
	}
	r.end()
}

// A data key that seals for longer than a day gets a new prefix, when it is
// verified.
func TestPrefixIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := keyOf(keycachetest.NewKMS("a"))
		cfg.Rotate.Age = 240 * time.Hour
		r := newRig(t, cfg, Options{})
		prefixes := map[[12]byte]time.Time{}
		for range 3 * 24 * 60 {
			_, payload, _, err := envelope.Parse(nil, r.mustSeal("v"))
			if err != nil {
				t.Fatal(err)
			}
			p := [12]byte(payload)
			if _, ok := prefixes[p]; !ok {
				prefixes[p] = time.Now()
			}
			if age := time.Since(prefixes[p]); age > prefixAge {
				t.Fatalf("a prefix was used at the age of %v", age)
			}
			time.Sleep(time.Minute)
		}
		if len(prefixes) != 4 {
			t.Errorf("%d prefixes in three days, want 4", len(prefixes))
		}
		r.end()
	})
}

// leaveMessages claims all messages of a cipher of d, but for n.
func leaveMessages(t *testing.T, d *datakeys.DataKey, n int) {
	t.Helper()
	var claim datakeys.Claim
	var last []datakeys.Claim // near the limit, each is of one message
	for {
		taken, err := claim.Take(d, suite.XAES256GCM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if taken != datakeys.Granted {
			break
		}
		last = append(last[max(0, len(last)-n+1):], claim)
	}
	for i := range last {
		last[i].Release()
	}
}

// A cipher that has sealed as many messages as its suite allows is replaced
// first.
func TestCipherIsReplacedAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Rotate.Uses = 1 << 40
		r := newRig(t, cfg, Options{})
		first := r.mustSeal("v")
		leaveMessages(t, r.keys["k"].Keys.Current(), 2)
		before := r.Keys()[0].DataKey.Uses
		r.mustSeal("v")
		r.mustSeal("v")
		wantCount(t, "unwraps", m.Unwraps.Load(), 0)
		last := r.mustSeal("v")
		wantCount(t, "unwraps", m.Unwraps.Load(), 1)
		_, p0, _, _ := envelope.Parse(nil, first)
		_, p1, _, _ := envelope.Parse(nil, last)
		if [12]byte(p0) == [12]byte(p1) {
			t.Error("the prefix outlived its messages")
		}
		if headerOf(t, first).KeyID != headerOf(t, last).KeyID {
			t.Error("the data key changed, though it had uses left")
		}
		wantCount(t, "uses of the data key", int64(r.Keys()[0].DataKey.Uses-before), 3)
		r.end()
	})
}

func TestQuorum(t *testing.T) {
	for _, c := range []struct {
		name     string
		quorum   int
		a, b     hsm.Class
		want     Reason
		wraps    int
		degraded uint64
	}{
		{"all well", 2, 0, 0, "", 2, 0},
		{"second out, quorum 1", 1, 0, hsm.Unavailable, "", 1, 1},
		{"first out, quorum 1", 1, hsm.Unavailable, 0, "", 1, 1},
		{"second denied, quorum 1", 1, 0, hsm.Denied, KeyDenied, 0, 0},
		{"second denied, quorum 2", 2, 0, hsm.Denied, KeyDenied, 0, 0},
		{"second unclear, quorum 1", 1, 0, hsm.Unclear, "", 1, 1},
		{"second unclear, quorum 2", 2, 0, hsm.Unclear, KeyUnclear, 0, 0},
		{"second misconfigured, quorum 2", 2, 0, hsm.Misconfigured, KeyMisconfigured, 0, 0},
		{"first unclear, second out", 1, hsm.Unclear, hsm.Unavailable, KeyUnclear, 0, 0},
		{"second out, quorum 2", 2, 0, hsm.Unavailable, KeyUnavailable, 0, 0},
		{"first out, quorum 2", 2, hsm.Unavailable, 0, KeyUnavailable, 0, 0},
		{"first denied", 1, hsm.Denied, 0, KeyDenied, 0, 0},
		{"first corrupt", 1, hsm.Corrupt, 0, KeyMisconfigured, 0, 0},
		{"both out", 1, hsm.Unavailable, hsm.Unavailable, KeyUnavailable, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
			cfg := keyOf(a, b)
			cfg.Quorum = c.quorum
			r := newRig(t, cfg, Options{})
			a.Answer(0, c.a)
			b.Answer(0, c.b)
			text, err := r.seal("v")
			if c.want != "" {
				r.wantReason(err, c.want)
			} else if rec := mustRecord(t, headerOf(t, text).Record); len(rec.Wraps) != c.wraps {
				t.Errorf("%d wraps, want %d", len(rec.Wraps), c.wraps)
			}
			if n := r.Stats()[0].Degraded; n != c.degraded {
				t.Errorf("%d degraded data keys, want %d", n, c.degraded)
			}
			r.end()
		})
	}
}

func TestOtherKEKsWrapAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []*keycachetest.KMS
		for _, name := range []string{"a", "b", "c", "d"} {
			m := keycachetest.NewKMS(name)
			m.Answer(50*time.Millisecond, 0)
			all = append(all, m)
		}
		r := newRig(t, keyOf(all...), Options{})
		start := time.Now()
		r.mustSeal("v")
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %v, want 100ms: one generates, then three wrap at once", took)
		}
		r.end()
	})
}

// A data key that not every KEK wrapped is replaced within the hour.
func TestDegradedDataKeyIsReplacedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		r := newRig(t, keyOf(a, b), Options{})
		b.Answer(0, hsm.Unavailable)
		r.mustSeal("v")
		b.Answer(0, 0)
		for range 60 {
			time.Sleep(time.Minute)
			r.mustSeal("v")
		}
		if n := r.Keys()[0].DataKey.Wraps; n != 2 {
			t.Errorf("%d wraps an hour after the outage, want 2", n)
		}
		r.end()
	})
}

// A quorum that cannot be had does not cost the KEK that is well a call per
// request.
func TestMissingQuorumAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		cfg := keyOf(a, b)
		cfg.Quorum = 2
		r := newRig(t, cfg, Options{})
		b.Answer(0, hsm.Unavailable)
		for range 600 {
			_, err := r.seal("v")
			r.wantReason(err, KeyUnavailable)
			time.Sleep(time.Second)
		}
		if n := a.Generates.Load(); n > 120 {
			t.Errorf("%d data keys generated and thrown away in ten minutes", n)
		}
		b.Answer(0, 0)
		time.Sleep(calls.WhileUnavailable.Max)
		r.mustSeal("v")
		r.end()
	})
}

func TestWarmHidesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		m.Answer(100*time.Millisecond, 0)
		r := newRig(t, keyOf(m), Options{})
		s := r.session()
		s.Warm(r.tag)
		s.Warm(r.tag)
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		if _, err := s.Seal(nil, r.tag, codec.Text, []byte("v")); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		wantCount(t, "generates", m.Generates.Load(), 1)
		_ = s.Close(nil)
		r.end()
	})
}

func pinnedKey(t *testing.T, kmss ...*keycachetest.KMS) *hsm.Key {
	t.Helper()
	cfg := keyOf(kmss...)
	var err error
	if cfg.Record, err = keks.NewRecord(context.Background(), cfg.Context, cfg.KEKs...); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A record that lacks a wrap is never made.
func TestNewRecord(t *testing.T) {
	a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	cfg := pinnedKey(t, a, b)
	rec, err := envelope.ParseRecordText(cfg.Record)
	if err != nil || len(rec.Wraps) != 2 {
		t.Errorf("%d wraps, %v; want 2", len(rec.Wraps), err)
	}
	a.Answer(0, hsm.Unavailable) // either opens it
	r := newRig(t, cfg, Options{})
	r.mustOpen(r.mustSeal("v"), "v")
	r.end()
	b.Answer(0, hsm.Unavailable)
	a.Answer(0, 0)
	if _, err := keks.NewRecord(context.Background(), cfg.Context, cfg.KEKs...); hsm.ClassOf(err) != hsm.Unavailable || err == nil {
		t.Errorf("error %v, want that of the second KEK", err)
	}
	if _, err := keks.NewRecord(context.Background(), cfg.Context); err == nil {
		t.Error("a record without a KEK")
	}
}

func TestPinnedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := pinnedKey(t, m)
		cfg.Rotate = hsm.Rotate{Age: time.Minute, Uses: 1, Bytes: 1}
		var texts [2][]byte
		for i := range texts {
			r := newRig(t, cfg, Options{})
			tag, err := r.Tag("pii.email", "k", suite.AES256SIV, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.tag = tag
			texts[i] = r.mustSeal("a@example.com")
			if h := headerOf(t, texts[i]); h.Record != nil {
				t.Error("the envelope carries the record: equality would not outlive a new wrap")
			}
			for range 24 * 60 {
				time.Sleep(time.Minute)
				r.mustOpen(r.mustSeal("a@example.com"), "a@example.com")
			}
			r.end()
		}
		if string(texts[0]) != string(texts[1]) {
			t.Error("two processes seal one value to two envelopes")
		}
		wantCount(t, "generates", m.Generates.Load(), 1)

		r := newRig(t, cfg, Options{}) // opens first
		r.tag, _ = r.Tag("pii.email", "k", suite.AES256SIV, nil)
		before := m.Unwraps.Load()
		r.mustOpen(texts[0], "a@example.com")
		r.mustSeal("a@example.com")
		wantCount(t, "unwraps to open and seal", m.Unwraps.Load()-before, 1)
		m.Answer(0, hsm.Corrupt)
		r.Flush("")
		for range 5 {
			_, err := r.seal("v")
			r.wantReason(err, KeyMisconfigured)
		}
		wantCount(t, "unwraps with a corrupt record", m.Unwraps.Load()-before, 2)
		r.end()
	})
}

func TestDeterministicNeedsAPinnedKey(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	_, err := r.Tag("pii.email", "k", suite.AES256SIV, nil)
	if err == nil || !strings.Contains(err.Error(), "sealmesh keys new") {
		t.Errorf("error %v, want one that says what to run", err)
	}
	if _, err := r.Tag("pii", "nobody", suite.XAES256GCM, nil); err == nil {
		t.Error("a tag of an unknown key")
	}
	if _, err := r.Tag("pii", "k", 9, nil); err == nil {
		t.Error("a tag of an unknown suite")
	}
	r.end()
}

func TestPinnedRecordOfAnotherKEKIsRefused(t *testing.T) {
	cfg := pinnedKey(t, keycachetest.NewKMS("a"))
	cfg.KEKs = keyOf(keycachetest.NewKMS("b")).KEKs
	ring, err := hsm.NewKeyring(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	if _, err := New(ring, Options{Recorder: r.rec}); err == nil || !errors.Is(err, keks.ErrNoWrap) && !strings.Contains(err.Error(), "no wrap by any KEK") {
		t.Errorf("error %v", err)
	}
	r.end()
}

package keycache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

func TestSealedValuesOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		s := r.session()
		for _, c := range []struct {
			kind  codec.Kind
			value string
		}{{codec.Text, "123-45-6789"}, {codec.Literal, `{"a":[1,2]}`}, {codec.Bytes, "\x00\xff"}, {codec.Raw, "\x01a &amp; b"}, {codec.Text, ""}} {
			text, err := s.Seal([]byte("x"), r.tag, c.kind, []byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			got, kind, err := s.Open([]byte("y"), r.tag, text[1:])
			if err != nil || kind != c.kind || string(got) != "y"+c.value {
				t.Errorf("%q, kind %d, %v; want %q, kind %d", got, kind, err, c.value, c.kind)
			}
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
		wantCount(t, "generates", m.Generates.Load(), 1)
		wantCount(t, "unwraps", m.Unwraps.Load(), 0)
		uses := r.end()
		if len(uses) != 2 || uses[0]["sealmesh.operation"] != "seal" || uses[1]["sealmesh.operation"] != "open" {
			t.Fatalf("uses %v, want one seal and one open", uses)
		}
		if uses[0]["sealmesh.fields"] != 5.0 || uses[0]["sealmesh.bytes"] != 34.0 || uses[0]["sealmesh.cache"] != "miss" || uses[1]["sealmesh.cache"] != "hit" {
			t.Errorf("uses %v", uses)
		}
	})
}

func TestConcurrentOpensShareOneUnwrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.Answer(50*time.Millisecond, 0)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { r.mustOpen(text, "v") })
		}
		wg.Wait()
		wantCount(t, "unwraps", m.Unwraps.Load(), 1)
		r.end()
	})
}

func TestLeaderMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.Answer(time.Second, 0)
		leader, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			s := r.Session(leader, keyuse.Exchange{})
			_, _, err := s.Open(nil, r.tag, text)
			r.wantReason(err, KeyUnavailable)
			_ = s.Close(err)
		})
		synctest.Wait()
		wg.Go(func() { r.mustOpen(text, "v") })
		synctest.Wait()
		cancel()
		start := time.Now()
		wg.Wait()
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("the follower waited %v, want 1s", waited)
		}
		wantCount(t, "unwraps", m.Unwraps.Load(), 1)
		r.end()
	})
}

func TestOneBodyUnwrapsItsKeysTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 40, "v", m)
		r := newRig(t, keyOf(m), Options{})
		m.Answer(50*time.Millisecond, 0)
		start := time.Now()
		s := r.session()
		for _, text := range texts {
			s.Prefetch(r.tag, text)
		}
		s.Prefetch(r.tag, []byte("no envelope"))
		for _, text := range texts {
			if _, _, err := s.Open(nil, r.tag, text); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("took %v, want 50ms", took)
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
		wantCount(t, "unwraps", m.Unwraps.Load(), 40)
		if uses := r.end(); len(uses) != 40 {
			t.Errorf("%d uses, want one for each of 40 data keys", len(uses))
		}
	})
}

// OnMiss is the moment to prefetch: it comes with the first miss, and with no
// hit.
func TestOnMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 40, "value", m)
		r := newRig(t, keyOf(m), Options{})
		m.Answer(50*time.Millisecond, 0)
		start := time.Now()
		s := r.session()
		calls := 0
		s.OnMiss(func() {
			if calls++; calls > 1 {
				return
			}
			for _, text := range texts[1:] {
				s.Prefetch(r.tag, text)
			}
		})
		for range 2 {
			for _, text := range texts {
				got, _, err := s.Open(nil, r.tag, text)
				if err != nil || string(got) != "value" {
					t.Fatalf("%s, %v", got, err)
				}
			}
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("took %v, want 50ms", took)
		}
		if calls > len(texts) {
			t.Errorf("%d calls for %d misses: a hit is no miss", calls, len(texts))
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
		r.end()
	})
}

func TestCallsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 20, "v", m)
		r := newRig(t, keyOf(m), Options{Parallel: 4})
		m.MostRunning.Store(0)
		m.Answer(50*time.Millisecond, 0)
		var wg sync.WaitGroup
		for _, text := range texts {
			wg.Go(func() { r.mustOpen(text, "v") })
		}
		wg.Wait()
		wantCount(t, "calls at once", m.MostRunning.Load(), 4)
		r.end()
	})
}

func TestSlowKMSDelaysNoHit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 20, "v", m)
		r := newRig(t, keyOf(m), Options{Parallel: 2})
		r.mustOpen(texts[0], "v")
		m.Answer(time.Hour, 0)
		var wg sync.WaitGroup
		for _, text := range texts[1:] {
			wg.Go(func() {
				_, err := r.open(text)
				r.wantReason(err, KeyUnavailable)
			})
		}
		synctest.Wait()
		start := time.Now()
		for range 100 {
			r.mustOpen(texts[0], "v")
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("hits took %v behind a slow KMS", d)
		}
		wg.Wait()
		if d := time.Since(start); d > 2*DefaultTimeout {
			t.Errorf("misses took %v, want an end soon after %v", d, DefaultTimeout)
		}
		if n := m.Unwraps.Load(); n > 5 {
			t.Errorf("%d calls to a KMS that does not answer", n)
		}
		r.end()
	})
}

// Every way to tamper fails alike, leaves one failed use, and names no data key
// that was not verified.
func TestForgeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		texts := foreign(t, 2, "v", m)
		strange := foreign(t, 1, "v", other)[0]
		h0, payload, _, _ := envelope.Parse(nil, texts[0])
		h1 := headerOf(t, texts[1])
		reseal := func(f func(*envelope.Header)) []byte {
			h := h0
			f(&h)
			return envelope.Append(nil, h, payload)
		}
		r1, _ := envelope.ParseRecord(h1.Record)
		lying := r1 // the wraps of one data key under the commitment of another
		lying.Commitment = mustRecord(t, h0.Record).Commitment
		twin := mustRecord(t, h0.Record) // the same id, another key
		twin.Commitment[20] ^= 1
		cases := map[string][]byte{
			"changed ciphertext":          reseal(func(h *envelope.Header) { h.Kind = codec.Literal }),
			"record of another data key":  reseal(func(h *envelope.Header) { h.Record = h1.Record }),
			"id of another data key":      reseal(func(h *envelope.Header) { h.KeyID = h1.KeyID }),
			"record with another's wraps": reseal(func(h *envelope.Header) { h.Record = envelope.AppendRecord(nil, lying) }),
			"by reference, unknown":       reseal(func(h *envelope.Header) { h.Record = nil }),
			"another key of the same id":  reseal(func(h *envelope.Header) { h.Record = envelope.AppendRecord(nil, twin) }),
			"a record of garbage":         reseal(func(h *envelope.Header) { h.Record = []byte("garbage") }),
			"another KEK":                 strange,
			"deterministic, not pinned":   reseal(func(h *envelope.Header) { h.Suite = 3 }),
			"cut short":                   texts[0][:40],
		}
		for name, text := range cases {
			r := newRig(t, keyOf(m), Options{})
			_, err := r.open(text)
			r.wantReason(err, OpenFailed)
			uses := r.end()
			if len(uses) != 1 || uses[0]["error.type"] != string(OpenFailed) {
				t.Errorf("%s: uses %v, want one that failed", name, uses)
			}
			if uses[0]["sealmesh.data_key.id"] != nil && name != "changed ciphertext" {
				t.Errorf("%s: the span names a data key that nobody verified", name)
			}

			r = newRig(t, keyOf(m), Options{}) // the same with the data key at hand
			r.mustOpen(texts[0], "v")
			_, err = r.open(text)
			if name == "by reference, unknown" || name == "record with another's wraps" {
				// The data key is known by now, by its commitment: how it is wrapped does
				// not matter.
				if err != nil {
					t.Errorf("%s, on a hit: %v", name, err)
				}
			} else {
				r.wantReason(err, OpenFailed)
			}
			r.end()
		}
	})
}

// A record that was wrapped anew, or by more KEKs, is of the same data key: no
// call is needed.
func TestNewWrapOfAKnownDataKey(t *testing.T) {
	m := keycachetest.NewKMS("a")
	text := foreign(t, 1, "v", m)[0]
	wrappedAnew := withRecord(t, text, func(r *envelope.Record) {
		r.Wraps = append(r.Wraps, envelope.Wrap{ProviderID: 9, Wrapped: []byte("by somebody else")})
	})
	r := newRig(t, keyOf(m), Options{})
	r.mustOpen(text, "v")
	r.mustOpen(wrappedAnew, "v")
	wantCount(t, "unwraps", m.Unwraps.Load(), 1)
	r.Flush("")
	r.mustOpen(wrappedAnew, "v") // the wrap that no KEK of ours made is passed over
	r.end()
}

func TestWaitersHonourTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.Answer(3*time.Second, 0)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		s := r.Session(ctx, keyuse.Exchange{})
		_, _, err := s.Open(nil, r.tag, text)
		r.wantReason(err, KeyUnavailable)
		_, err = s.Seal(nil, r.tag, codec.Text, []byte("v"))
		r.wantReason(err, KeyUnavailable)
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("waited %v, want 200ms", d)
		}
		_ = s.Close(err)
		time.Sleep(3 * time.Second)
		start = time.Now()
		r.mustOpen(text, "v") // what it began is there
		r.mustSeal("v")
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v for what was on its way", d)
		}
		r.end()
	})
}

// Prefetch of a dormant key has it verified, so that Open need not wait.
func TestPrefetchVerifiesDormantKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		r.dataKeys.Idle = calls.NewAllowance(0, 0)
		r.mustOpen(text, "v")
		time.Sleep(2 * DefaultSoft)
		m.Answer(100*time.Millisecond, 0)
		s := r.session()
		s.Prefetch(r.tag, text)
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		if _, _, err := s.Open(nil, r.tag, text); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		_ = s.Close(nil)
		wantCount(t, "unwraps", m.Unwraps.Load(), 2)
		r.end()
	})
}

func TestPlainTextIsNoKeyUse(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	_, err := r.open([]byte("plain"))
	r.wantReason(err, NotEnvelope)
	if uses := r.end(); len(uses) != 0 {
		t.Errorf("uses %v, want none: no key was asked for", uses)
	}
}

// A record of the same id that does not unwrap must not keep the good one out.
func TestBadRecordDoesNotPoisonItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		good := foreign(t, 1, "v", m)[0]
		bad := withRecord(t, good, func(r *envelope.Record) { r.Wraps[0].Wrapped[20] ^= 1 })
		r := newRig(t, keyOf(m), Options{})
		m.Answer(50*time.Millisecond, 0)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := r.open(bad)
				r.wantReason(err, OpenFailed)
			})
			wg.Go(func() { r.mustOpen(good, "v") })
		}
		wg.Wait()
		wantCount(t, "unwraps", m.Unwraps.Load(), 2)
		r.end()
	})
}

func TestCorruptRecordIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		bad := withRecord(t, foreign(t, 1, "v", m)[0], func(r *envelope.Record) { r.Wraps[0].Wrapped[20] ^= 1 })
		r := newRig(t, keyOf(m), Options{})
		for range 10 {
			_, err := r.open(bad)
			r.wantReason(err, OpenFailed)
		}
		wantCount(t, "unwraps", m.Unwraps.Load(), 1)
		time.Sleep(corruptFor)
		_, err := r.open(bad)
		r.wantReason(err, OpenFailed)
		wantCount(t, "unwraps after the memory", m.Unwraps.Load(), 2)
		r.end()
	})
}

func TestAnotherTagsValueDoesNotOpen(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	text := r.mustSeal("v")
	for name, c := range map[string]struct {
		tag     string
		context map[string]string
	}{"tag": {"pii.email", nil}, "context": {"pii", map[string]string{"tenant": "b"}}} {
		tag, err := r.Tag(c.tag, "k", 1, c.context)
		if err != nil {
			t.Fatal(err)
		}
		s := r.session()
		_, _, err = s.Open(nil, tag, text)
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != OpenFailed {
			t.Errorf("other %s: %v, want %s", name, err, OpenFailed)
		}
		_ = s.Close(err)
	}
	uses := r.end()
	last := uses[len(uses)-1]
	id := headerOf(t, text).KeyID
	if last["sealmesh.data_key.id"] == nil || last["error.type"] != string(OpenFailed) {
		t.Errorf("use %v, want a failure that names the verified data key %x", last, id)
	}
}

func TestKEKFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		text := foreign(t, 1, "v", a, b)[0]
		a.Answer(0, hsm.Unavailable)
		r := newRig(t, keyOf(a, b), Options{})
		r.mustOpen(text, "v")
		r.end()

		a.Answer(0, hsm.Denied)
		before := b.Unwraps.Load()
		r = newRig(t, keyOf(a, b), Options{})
		_, err := r.open(text)
		r.wantReason(err, KeyDenied)
		wantCount(t, "unwraps by the second KEK after a denial by the first", b.Unwraps.Load()-before, 0)
		r.end()
	})
}

func TestOldestDataKeyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 4, "v", m)
		r := newRig(t, keyOf(m), Options{MaxKeys: 3})
		for _, text := range texts[:3] {
			r.mustOpen(text, "v")
		}
		time.Sleep(2 * useGrain)
		r.mustOpen(texts[0], "v") // used since: the second is now the oldest
		r.mustOpen(texts[3], "v")
		wantCount(t, "entries", int64(r.Stats()[0].Entries), 3)
		before := m.Unwraps.Load()
		r.mustOpen(texts[0], "v")
		r.mustOpen(texts[2], "v")
		r.mustOpen(texts[3], "v")
		wantCount(t, "unwraps of those that stayed", m.Unwraps.Load()-before, 0)
		r.mustOpen(texts[1], "v")
		wantCount(t, "unwraps of the one that left", m.Unwraps.Load()-before, 1)
		if n := r.Stats()[0].Misses["evicted"]; n != 1 {
			t.Errorf("%d misses of evicted data keys, want 1", n)
		}
		r.end()
	})
}

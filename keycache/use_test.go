package keycache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// A process that may only seal never unwraps: it makes a new data key once per
// soft bound, whatever the load, and a revocation stops it as soon.
func TestSealOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Use = hsm.SealOnly
		r := newRig(t, cfg, Options{})
		if err := r.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		const soft = DefaultSoft
		for range 12 * int(soft/time.Second) {
			r.mustSeal("v")
			time.Sleep(time.Second)
		}
		if n := m.Unwraps.Load(); n != 0 {
			t.Errorf("%d unwraps", n)
		}
		if n := m.Generates.Load(); n < 12 || n > 17 {
			t.Errorf("%d data keys in 12 soft bounds", n)
		}
		m.Answer(0, hsm.Denied)
		revoked := time.Now()
		for {
			_, err := r.seal("v")
			if err != nil {
				r.wantReason(err, KeyDenied)
				break
			}
			if time.Since(revoked) > soft {
				t.Fatal("still sealing past the soft bound")
			}
			time.Sleep(time.Second)
		}
		r.end()
	})
}

// It survives an outage up to the hard bound, like any other.
func TestSealOnlyOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Use = hsm.SealOnly
		r := newRig(t, cfg, Options{})
		r.mustSeal("v")
		m.Answer(0, hsm.Unavailable)
		began := time.Now()
		for {
			_, err := r.seal("v")
			if err != nil {
				r.wantReason(err, KeyUnavailable)
				break
			}
			time.Sleep(time.Second)
		}
		if served := time.Since(began); served < DefaultHard-time.Second || served > DefaultHard+time.Second {
			t.Errorf("served %v of an outage, not %v", served, DefaultHard)
		}
		m.Answer(0, 0)
		time.Sleep(2 * time.Minute)
		r.mustSeal("v")
		r.end()
	})
}

// What another process sealed does not open here, and the KMS is not asked.
func TestSealOnlyDoesNotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		writer := newRig(t, keyOf(m), Options{})
		text := writer.mustSeal("v")
		writer.end()
		cfg := keyOf(m)
		cfg.Use = hsm.SealOnly
		r := newRig(t, cfg, Options{})
		_, err := r.open(text)
		r.wantReason(err, KeyMisconfigured)
		if n := m.Unwraps.Load(); n != 0 {
			t.Errorf("%d unwraps", n)
		}
		r.end()
	})
}

// A process that may only open never makes a data key.
func TestOpenOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		writer := newRig(t, keyOf(m), Options{})
		text := writer.mustSeal("v")
		writer.end()
		made := m.Generates.Load()
		cfg := keyOf(m)
		cfg.Use = hsm.OpenOnly
		r := newRig(t, cfg, Options{})
		if err := r.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.mustOpen(text, "v")
		_, err := r.seal("v")
		r.wantReason(err, KeyMisconfigured)
		if n := m.Generates.Load() - made; n != 0 {
			t.Errorf("%d data keys made", n)
		}
		r.end()
	})
}

// described is a KEK that says what it is, or that it may not.
type described struct {
	*keycachetest.KMS
	class hsm.Class
}

func (d described) Describe(context.Context) (hsm.Description, error) {
	if d.class != 0 {
		return hsm.Description{}, d.Failure("Describe", d.class, "ScriptedException")
	}
	return hsm.Description{Kind: "mem"}, nil
}

func TestOpenOnlyIsProvenByDescription(t *testing.T) {
	for class, reason := range map[hsm.Class]Reason{hsm.Denied: KeyDenied, hsm.Unavailable: KeyUnavailable} {
		m := keycachetest.NewKMS("a")
		cfg := keyOf(m)
		cfg.Use = hsm.OpenOnly
		cfg.KEKs[0].Provider = described{m, class}
		r := newRig(t, cfg, Options{})
		r.wantReason(r.Verify(t.Context()), reason)
		r.end()
	}
}

package keycache

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

func TestVerify(t *testing.T) {
	a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
	r := newRig(t, keyOf(a, b), Options{})
	if _, err := r.Tag("fips", "k", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a.Generates.Load() != 1 || b.Wraps.Load() != 1 || a.Unwraps.Load() != 1 || b.Unwraps.Load() != 1 {
		t.Errorf("calls: %d generates, %d wraps, %d and %d unwraps; want one of each",
			a.Generates.Load(), b.Wraps.Load(), a.Unwraps.Load(), b.Unwraps.Load())
	}
	s := r.Keys()[0]
	if s.DataKey == nil || s.DataKey.Wraps != 2 || len(s.Suites) != 2 || s.KEKs[0].Last == nil || s.KEKs[0].Last.Err != nil {
		t.Errorf("status %+v", s)
	}
	uses := r.end()
	if len(uses) != 4 || uses[0]["sealmesh.route"] != verifyName {
		t.Errorf("uses %v: want a seal and an open for each of two suites", uses)
	}
}

func TestVerifyFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		quorum int
		a, b   hsm.Class
		want   Reason
	}{
		{"one KEK out", 1, hsm.Unavailable, 0, ""},
		{"one KEK out, quorum 2", 2, 0, hsm.Unavailable, KeyUnavailable},
		{"second KEK denied", 1, 0, hsm.Denied, KeyDenied},
		{"second KEK misconfigured", 1, 0, hsm.Misconfigured, KeyMisconfigured},
		{"both out", 1, hsm.Unavailable, hsm.Unavailable, KeyUnavailable},
	} {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		cfg := keyOf(a, b)
		cfg.Quorum = c.quorum
		r := newRig(t, cfg, Options{})
		a.Answer(0, c.a)
		b.Answer(0, c.b)
		err := r.Verify(context.Background())
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), string(c.want))) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		r.end()
	}
}

// A KMS that lets a key wrap but not unwrap is found before anything is sealed.
func TestVerifyFindsAKEKThatCannotUnwrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		r.mustSeal("v") // may generate
		m.Answer(0, hsm.Denied)
		if err := r.Verify(context.Background()); err == nil {
			t.Error("verified")
		}
		r.end()
	})
}

func TestVerifyHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		m.Answer(4*time.Second, 0)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if err := r.Verify(ctx); err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		r.end()
	})
}

func TestVerifyPinned(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, pinnedKey(t, m), Options{})
	if _, err := r.Tag("pii.email", "k", 3, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !r.Keys()[0].Pinned {
		t.Error("not shown as pinned")
	}
	r.end()
}

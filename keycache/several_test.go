package keycache

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/calls"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Whichever of several KEKs is revoked: within soft nothing seals or opens, and
// it stays so, for as long as the KEK says no.
func TestRevokingOneOfSeveral(t *testing.T) {
	for i := range 3 {
		for _, soft := range []time.Duration{DefaultSoft, time.Hour, 10 * time.Second} {
			t.Run(fmt.Sprintf("KEK %d, soft %v", i+1, soft), func(t *testing.T) {
				for range 5 { // the moments of verification are drawn at random
					synctest.Test(t, func(t *testing.T) {
						all := []*keycachetest.KMS{keycachetest.NewKMS("a"), keycachetest.NewKMS("b"), keycachetest.NewKMS("c")}
						cfg := keyOf(all...)
						cfg.Cache = hsm.TTLs{Soft: soft, Hard: 12 * soft}
						text := foreign(t, 1, "v", all...)[0]
						r := newRig(t, cfg, Options{})
						for range 40 {
							r.mustOpen(text, "v")
							r.mustSeal("v")
							time.Sleep(soft / 10)
						}
						all[i].Answer(0, hsm.Denied)
						for range 10 {
							_, _ = r.open(text)
							_, _ = r.seal("v")
							time.Sleep(soft / 10)
						}
						for range 40 {
							_, err := r.open(text)
							r.wantReason(err, KeyDenied)
							_, err = r.seal("v")
							r.wantReason(err, KeyDenied)
							time.Sleep(soft / 10)
						}
						if st := r.Keys()[0].KEKs[i]; !st.Denied || r.Keys()[0].KEKs[(i+1)%3].Denied {
							t.Errorf("status %+v", r.Keys()[0].KEKs)
						}
						all[i].Answer(0, 0)
						time.Sleep(3 * calls.DeniedFor)
						r.mustOpen(text, "v")
						r.mustSeal("v")
						r.end()
					})
				}
			})
		}
	}
}

// What several KEKs cost: one call per KEK and soft TTL, however many data keys
// there are.
func TestSeveralKEKsCostAFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		texts := foreign(t, 50, "v", a, b)
		r := newRig(t, keyOf(a, b), Options{})
		for range 120 {
			for _, text := range texts {
				r.mustOpen(text, "v")
			}
			time.Sleep(30 * time.Second)
		}
		// Each try takes the place of those for some 17 s: at most that often, 12
		// soft TTLs long.
		if n := b.Unwraps.Load(); n < 12 || n > 12*DefaultSoft.Milliseconds()/17400 {
			t.Errorf("%d calls of the second KEK in 12 soft TTLs", n)
		}
		r.end()
	})
}

// A KEK that does not answer, or not clearly, is passed over while another one
// vouches.
func TestOutageOfOneOfSeveral(t *testing.T) {
	for _, class := range []hsm.Class{hsm.Unavailable, hsm.Unclear} {
		for i := range 2 {
			synctest.Test(t, func(t *testing.T) {
				all := []*keycachetest.KMS{keycachetest.NewKMS("a"), keycachetest.NewKMS("b")}
				r := newRig(t, keyOf(all...), Options{})
				text := r.mustSeal("v")
				all[i].Answer(0, class)
				for range 3 * 60 {
					r.mustOpen(text, "v")
					r.mustSeal("v")
					time.Sleep(time.Minute)
				}
				if s := r.Stats()[0]; s.Stale != 0 || s.Doubted != 0 {
					t.Errorf("KEK %d %v: stats %+v", i+1, class, s)
				}
				r.end()
			})
		}
	}
}

// A record that somebody stripped of the revoked KEK's wrap does not open
// either.
func TestStrippedRecordEvadesNoRevocation(t *testing.T) {
	for i := range 2 {
		synctest.Test(t, func(t *testing.T) {
			all := []*keycachetest.KMS{keycachetest.NewKMS("a"), keycachetest.NewKMS("b")}
			full := foreign(t, 2, "v", all...)
			var texts [][]byte
			for _, text := range full {
				texts = append(texts, withRecord(t, text, func(r *envelope.Record) { r.Wraps = []envelope.Wrap{r.Wraps[1-i]} }))
			}
			r := newRig(t, keyOf(all...), Options{})
			r.mustSeal("v")
			r.mustOpen(texts[0], "v")
			all[i].Answer(0, hsm.Denied)
			for range 10 {
				_, _ = r.open(texts[0])
				time.Sleep(DefaultSoft / 10)
			}
			for range 2 {
				_, err := r.open(texts[0])
				r.wantReason(err, KeyDenied)
				_, err = r.open(texts[1])
				r.wantReason(err, KeyDenied)
				time.Sleep(2 * calls.DeniedFor)
			}
			r.end()
		})
	}
}

// Where no data key is made to prove a KEK with, each is asked what it is: one
// that answers is enough for a start, unless another says no.
func TestVerifyByDescription(t *testing.T) {
	for _, c := range []struct {
		a, b hsm.Class
		want Reason
	}{
		{0, 0, ""},
		{hsm.Unavailable, 0, ""},
		{0, hsm.Unclear, ""},
		{0, hsm.Denied, KeyDenied},
		{hsm.Denied, 0, KeyDenied},
		{hsm.Unclear, hsm.Unavailable, KeyUnclear},
		{hsm.Unavailable, hsm.Unavailable, KeyUnavailable},
	} {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		cfg := keyOf(a, b)
		cfg.Use = hsm.OpenOnly
		cfg.KEKs[0].Provider, cfg.KEKs[1].Provider = described{a, c.a}, described{b, c.b}
		r := newRig(t, cfg, Options{})
		err := r.Verify(context.Background())
		if c.want == "" && err != nil {
			t.Errorf("%v and %v: %v", c.a, c.b, err)
		}
		if c.want != "" {
			r.wantReason(err, c.want)
		}
		r.end()
	}
}

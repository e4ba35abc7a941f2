package keycache

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the tests of keycache and of rewrap share.
var (
	keyOf      = keycachetest.KeyOf
	headerOf   = keycachetest.HeaderOf
	wantShape  = keycachetest.WantShape
	mustRecord = keycachetest.RecordOf
	withRecord = keycachetest.WithRecord
	wantCount  = keycachetest.WantCount
)

// A rig is a cache over one key "k", with a recorder that writes to a buffer.
type rig struct {
	*Cache
	t   testing.TB
	tag *Tag
	rec *keyuse.Recorder
	out *keycachetest.Console
}

func newRig(t testing.TB, cfg *hsm.Key, opt Options) *rig {
	t.Helper()
	return newRigWith(t, cfg, opt, suite.XAES256GCM)
}

// newRigWith is newRig with a tag of that suite.
func newRigWith(t testing.TB, cfg *hsm.Key, opt Options, id suite.ID) *rig {
	t.Helper()
	r := &rig{t: t, out: &keycachetest.Console{}}
	var err error
	if opt.Recorder == nil {
		opt.Recorder, err = keyuse.Open(keyuse.Options{Required: true, Getenv: keycachetest.ToConsole, Console: r.out})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.rec = opt.Recorder
	ring, err := hsm.NewKeyring(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cache, err = New(ring, opt); err != nil {
		t.Fatal(err)
	}
	if r.tag, err = r.Tag("pii", "k", id, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// end closes everything, and returns the key uses that were recorded.
func (r *rig) end() []map[string]any {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.rec.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	return r.out.Uses(r.t)
}

func (r *rig) session() *Session {
	return r.Session(context.Background(), keyuse.Exchange{Route: "customers", Direction: "request"})
}

// seal seals one value in a session of its own.
func (r *rig) seal(value string) ([]byte, error) {
	s := r.session()
	out, err := s.Seal(nil, r.tag, codec.Text, []byte(value))
	return out, errors.Join(err, s.Close(err))
}

func (r *rig) mustSeal(value string) []byte {
	r.t.Helper()
	out, err := r.seal(value)
	if err != nil {
		r.t.Errorf("seal: %v", err)
	}
	return out
}

// open opens one value in a session of its own.
func (r *rig) open(text []byte) (string, error) {
	s := r.session()
	out, _, err := s.Open(nil, r.tag, text)
	return string(out), errors.Join(err, s.Close(err))
}

func (r *rig) mustOpen(text []byte, want string) {
	r.t.Helper()
	got, err := r.open(text)
	if err != nil || got != want {
		r.t.Errorf("open: %q, %v; want %q", got, err, want)
	}
}

func (r *rig) wantReason(err error, want Reason) {
	r.t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != want {
		r.t.Errorf("error %v, want %s", err, want)
	}
}

// foreign makes n envelopes, each under a data key of its own, in another
// process with the same KEKs.
func foreign(t testing.TB, n int, value string, kmss ...*keycachetest.KMS) [][]byte {
	t.Helper()
	var out [][]byte
	for range n {
		r := newRig(t, keyOf(kmss...), Options{})
		out = append(out, r.mustSeal(value))
		r.end()
	}
	return out
}

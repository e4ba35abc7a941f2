package rewrap

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Where only approved suites are admitted, an envelope of another is refused
// before a KEK is asked, and one of an approved suite is renewed.
func TestRewrapApproved(t *testing.T) {
	m := keycachetest.NewKMS("a")
	free := newRig(t, keyOf(m), keycache.Options{})
	old := free.mustSeal("v")
	tag, err := free.Tag("pii", "k", suite.HKDFAES256GCM, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := free.session()
	approved, err := s.Seal(nil, tag, codec.Text, []byte("v"))
	if err := errors.Join(err, s.Close(nil)); err != nil {
		t.Fatal(err)
	}
	free.end()

	r := newRigWith(t, keyOf(m), keycache.Options{Approved: true}, suite.HKDFAES256GCM)
	w, err := New(r.Cache, "k", AsIs, Options{Renew: true})
	if err != nil {
		t.Fatal(err)
	}
	asked := m.Unwraps.Load()
	_, _, err = w.Rewrap(t.Context(), nil, old)
	r.wantReason(err, keycache.SuiteUnapproved)
	if _, err = w.Survey(t.Context(), old); err == nil {
		t.Error("a survey admits it")
	}
	wantCount(t, "unwraps", m.Unwraps.Load(), asked)
	if out, _, err := w.Rewrap(t.Context(), nil, approved); err != nil || string(out) == string(approved) {
		t.Errorf("an approved one is not renewed: %v", err)
	}
	r.end()
}

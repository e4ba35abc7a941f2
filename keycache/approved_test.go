package keycache

import (
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// Where only approved suites are admitted, no other seals, opens or is fetched,
// and no cipher of another is made; each refusal is recorded under the suite's
// name.
func TestApproved(t *testing.T) {
	m := keycachetest.NewKMS("a")
	free := newRig(t, keyOf(m), Options{})
	old := free.mustSeal("v")
	tag, err := free.Tag("pii", "k", suite.HKDFAES256GCM, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := free.session()
	moved, err := s.Seal(nil, tag, codec.Text, []byte("v"))
	if err := errors.Join(err, s.Close(nil)); err != nil {
		t.Fatal(err)
	}
	free.end()

	r := newRigWith(t, keyOf(m), Options{Approved: true}, suite.HKDFAES256GCM)
	for s := range suite.All() {
		if _, err := r.Tag("pii", "k", s.ID, nil); (err == nil) != s.Approved {
			t.Errorf("a tag of suite %s: %v", s.Name, err)
		}
	}
	asked := m.Unwraps.Load()
	session := r.session()
	session.Prefetch(r.tag, old)
	if err := session.Close(nil); err != nil {
		t.Error(err)
	}
	_, err = r.open(old)
	r.wantReason(err, SuiteUnapproved)
	wantCount(t, "unwraps", m.Unwraps.Load(), asked)
	r.mustOpen(moved, "v")
	for d := range r.keys["k"].Keys.All() {
		for s := range suite.All() {
			if (d.Cipher(s.ID) != nil) != s.Approved {
				t.Errorf("a cipher of suite %s is there: %t", s.Name, !s.Approved)
			}
		}
	}
	refused := 0
	for _, u := range r.end() {
		if u["error.type"] == "suite_not_approved" && u["sealmesh.suite"] == "xaes-256-gcm" {
			refused++
		}
	}
	wantCount(t, "refusals recorded", int64(refused), 1)
}

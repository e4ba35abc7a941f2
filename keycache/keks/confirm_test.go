package keks

import (
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// An answer that was on its way before a KEK was revoked does not permit it
// again.
func TestLateAnswerEndsNoDenial(t *testing.T) {
	now := func() time.Duration { return 0 }
	kk := newKEK(hsm.KEK{URI: "mem:a"}, &settings{Options: Options{Now: now, Vouched: time.Minute, Parallel: 1}})
	p := proof{wrapped: []byte("w")}
	denied := &hsm.Error{Class: hsm.Denied}
	kk.deny(p, denied, 10*time.Second, 11*time.Second)
	kk.vouch(p, 9*time.Second)
	kk.deny(p, &hsm.Error{Class: hsm.Corrupt}, 9*time.Second, 12*time.Second)
	if kk.denied.Load() == nil {
		t.Error("permitted by what was asked before the denial")
	}
	if kk.vouchedLately() {
		t.Error("a KEK that is denied counts as one that has vouched")
	}
	kk.deny(p, &hsm.Error{Class: hsm.Unavailable}, 13*time.Second, 13*time.Second)
	if kk.denied.Load() == nil {
		t.Error("permitted by silence")
	}
	kk.vouch(p, 14*time.Second)
	if kk.denied.Load() != nil {
		t.Error("still denied")
	}
}

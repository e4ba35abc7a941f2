package keycache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// sealIn seals one value of a streamed direction, and returns the data key's
// id.
func (r *rig) sealIn(s *Session) (envelope.KeyID, error) {
	if err := s.Admit(); err != nil {
		return envelope.KeyID{}, err
	}
	text, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
	if err != nil {
		return envelope.KeyID{}, err
	}
	return headerOf(r.t, text).KeyID, nil
}

// An exchange that streams for long takes what supersedes its data key, and a
// revocation or a flush reaches it like any other.
func TestStreamGivesUpASupersededDataKey(t *testing.T) {
	for _, flush := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := keycachetest.NewKMS("a")
			cfg := keyOf(m)
			cfg.Use = hsm.SealOnly
			r := newRig(t, cfg, Options{})
			s := r.session()
			first, err := r.sealIn(s)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if _, err := r.sealIn(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(DefaultSoft)
			r.mustSeal("w")
			if id, err := r.sealIn(s); err != nil || id == first {
				t.Errorf("sealed under the superseded data key: %v, %v", id == first, err)
			}
			m.Answer(0, hsm.Denied)
			if flush {
				r.Flush("")
			} else {
				time.Sleep(DefaultSoft)
			}
			_, err = r.sealIn(s)
			r.wantReason(err, KeyDenied)
			_ = s.Close(nil)
			r.end()
		})
	}
}

// A data key that left to make room, while an exchange sealed under it, is out
// of everybody's reach: the exchange takes the one that seals now.
func TestStreamGivesUpADataKeyThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 2, "v", m)
		cfg := keyOf(m)
		cfg.Rotate.Age = time.Minute
		r := newRig(t, cfg, Options{MaxKeys: 1})
		s := r.session()
		first, err := r.sealIn(s)
		if err != nil {
			t.Fatal(err)
		}
		k := r.keys["k"]
		held := k.Keys.Current()
		if _, err := k.MakeSuccessor(held, s.st.parent).Wait(t.Context()); err != nil { // before it is too old
			t.Fatal(err)
		}
		if id, err := r.sealIn(s); err != nil || id != first {
			t.Errorf("changed the data key at once: %v", err)
		}
		time.Sleep(2 * time.Second)
		for _, text := range texts {
			r.mustOpen(text, "v")
		}
		if k.Keys.Get(first) != nil {
			t.Fatal("the data key is still there: the test shows nothing")
		}
		if id, err := r.sealIn(s); err != nil || id == first {
			t.Errorf("sealed under a data key that had left: %v, %v", id == first, err)
		}
		_ = s.Close(nil)
		r.end()
	})
}

// What a key remembers of the data key that it shares with a fleet holds no
// cipher after a flush, though the data key left to make room before.
func TestFlushReachesWhatIsHeldForItsBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := keycachetest.NewKMS("a"), keycachetest.NewStore()
		other := foreign(t, 1, "v", m)[0]
		cfg, opt := keyOf(m), storing(s, false)
		cfg.Rotate.Age, opt.MaxKeys = 10*time.Minute, 1
		r := newRig(t, cfg, opt)
		r.mustSeal("v")
		keys := r.keys["k"].Keys
		d := keys.Current()
		s.Answer(0, keycachetest.ErrDown)
		time.Sleep(11 * time.Minute)
		r.mustSeal("v") // inline, so the store's data key is the last of its kind
		r.mustOpen(other, "v")
		if keys.Get(d.ID) != nil || d.Cipher(r.tag.suite.ID) == nil {
			t.Fatal("the data key did not leave to make room: the test shows nothing")
		}
		r.Flush("")
		if d.Cipher(r.tag.suite.ID) != nil {
			t.Error("a cipher outlives the flush")
		}
		r.mustSeal("v")
		r.end()
	})
}

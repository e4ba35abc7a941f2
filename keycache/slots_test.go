package keycache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// A KMS that hangs under more calls than there are slots delays no other KEK's
// key.
func TestHangingKEKDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := keycachetest.NewKMS("a"), keycachetest.NewKMS("b")
		ofA, ofB := foreign(t, 2*DefaultParallel, "v", a), foreign(t, 1, "v", b)[0]
		r, tags := newRigOf(t, a, b)
		a.Answer(time.Hour, 0)
		var wg sync.WaitGroup
		for _, text := range ofA {
			wg.Go(func() { _, _ = r.openBy(tags["a"], text) })
		}
		synctest.Wait()
		wantCount(t, "calls in flight", a.Running.Load(), DefaultParallel)
		start := time.Now()
		if got, err := r.openBy(tags["b"], ofB); err != nil || got != "v" || time.Since(start) != 0 {
			t.Errorf("the other key: %q, %v after %v", got, err, time.Since(start))
		}
		wg.Wait()
		r.end()
	})
}

// Unwrapping, which anybody can cause, holds up neither verification nor
// sealing.
func TestUnwrappingHoldsUpNoVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		texts := foreign(t, 3, "v", m)
		r := newRig(t, keyOf(m), Options{Parallel: 1})
		m.Answer(time.Second, 0)
		for _, text := range texts {
			go func() { _, _ = r.open(text) }()
		}
		synctest.Wait()
		start := time.Now()
		r.mustSeal("v")
		if d := time.Since(start); d != time.Second {
			t.Errorf("sealing waited %v for a data key, want %v", d, time.Second)
		}
		time.Sleep(5 * time.Second)
		r.end()
	})
}

// newRigOf is a cache with a key for each KEK, of the same name, and a tag of
// each key.
func newRigOf(t testing.TB, kmss ...*keycachetest.KMS) (*rig, map[string]*Tag) {
	t.Helper()
	r := &rig{t: t, out: &keycachetest.Console{}}
	var err error
	if r.rec, err = keyuse.Open(keyuse.Options{Required: true, Getenv: keycachetest.ToConsole, Console: r.out}); err != nil {
		t.Fatal(err)
	}
	var keys []*hsm.Key
	for _, m := range kmss {
		k := keyOf(m)
		k.Name = m.Name
		keys = append(keys, k)
	}
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cache, err = New(ring, Options{Recorder: r.rec}); err != nil {
		t.Fatal(err)
	}
	tags := map[string]*Tag{}
	for _, m := range kmss {
		if tags[m.Name], err = r.Tag("pii", m.Name, suite.XAES256GCM, nil); err != nil {
			t.Fatal(err)
		}
	}
	return r, tags
}

// openBy opens one value in a session of its own.
func (r *rig) openBy(tag *Tag, text []byte) (string, error) {
	s := r.Session(context.Background(), keyuse.Exchange{Route: "customers", Direction: "request"})
	out, _, err := s.Open(nil, tag, text)
	return string(out), errors.Join(err, s.Close(err))
}

package keycache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/datakeys"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// One use per (data key, operation), however many tags and values.
func TestUsesAreGrouped(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, keyOf(m), Options{})
	email, err := r.Tag("pii.email", "k", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Session(context.Background(), keyuse.Exchange{
		TraceID: [16]byte{1}, ParentID: [8]byte{2}, Route: "customers", Direction: "request", Caller: "spiffe://a/b",
	})
	for i := range 5 {
		tag := r.tag
		if i%2 == 0 {
			tag = email
		}
		if _, err := s.Seal(nil, tag, codec.Text, []byte("1234")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	uses := r.end()
	if len(uses) != 1 {
		t.Fatalf("uses %v, want one", uses)
	}
	u := uses[0]
	for name, want := range map[string]any{
		"sealmesh.key.name": "k", "sealmesh.suite": "xaes-256-gcm", "sealmesh.fields": 5.0, "sealmesh.bytes": 20.0,
		"sealmesh.route": "customers", "sealmesh.caller": "spiffe://a/b", "error.type": nil,
		"trace_id": "01000000000000000000000000000000", "parent_span_id": "0200000000000000",
	} {
		if u[name] != want {
			t.Errorf("%s is %v, want %v", name, u[name], want)
		}
	}
	if tags := fmt.Sprint(u["sealmesh.tags"]); tags != "[pii pii.email]" {
		t.Errorf("tags %s", tags)
	}
}

// The outcome of an exchange is that of all its key uses; one that failed
// itself keeps its own.
func TestCauseIsTheOutcome(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  string
	}{
		{nil, ""},
		{&codec.Error{Code: codec.Malformed}, "body_malformed"},
		{fmt.Errorf("wrapped: %w", &Error{Reason: KeyDenied}), "key_denied"},
		{errors.New("gone"), "exchange_failed"},
	} {
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
		s := r.session()
		text, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)-2] ^= 1
		_, _, err = s.Open(nil, r.tag, text)
		r.wantReason(err, OpenFailed)
		if err := s.Close(c.cause); err != nil {
			t.Fatal(err)
		}
		uses := r.end()
		if len(uses) != 2 {
			t.Fatalf("uses %v, want two", uses)
		}
		if got, _ := uses[0]["error.type"].(string); got != c.want {
			t.Errorf("cause %v: seal shows %q, want %q", c.cause, got, c.want)
		}
		if uses[1]["error.type"] != string(OpenFailed) {
			t.Errorf("cause %v: open shows %v", c.cause, uses[1]["error.type"])
		}
	}
}

func TestFailuresAreUses(t *testing.T) {
	for class, want := range map[hsm.Class]Reason{
		hsm.Unavailable: KeyUnavailable, hsm.Denied: KeyDenied, hsm.Misconfigured: KeyMisconfigured, hsm.Unsupported: KeyMisconfigured,
	} {
		m := keycachetest.NewKMS("a")
		text := foreign(t, 1, "v", m)[0]
		r := newRig(t, keyOf(m), Options{})
		m.Answer(0, class)
		s := r.session()
		_, _, err := s.Open(nil, r.tag, text)
		r.wantReason(err, want)
		_, err = s.Seal(nil, r.tag, codec.Text, []byte("v"))
		r.wantReason(err, want)
		_ = s.Close(err)
		uses := r.end()
		if len(uses) != 2 {
			t.Fatalf("%v: uses %v, want two", class, uses)
		}
		for _, u := range uses {
			if u["error.type"] != string(want) || u["sealmesh.fields"] != 1.0 || u["sealmesh.data_key.id"] != nil {
				t.Errorf("%v: use %v", class, u)
			}
		}
	}
}

// stuck is a collector that takes nothing until its channel is closed.
type stuck chan struct{}

func (c stuck) Write(p []byte) (int, error) {
	<-c
	return len(p), nil
}

func stuckRecorder(t *testing.T, c stuck) *keyuse.Recorder {
	t.Helper()
	rec, err := keyuse.Open(keyuse.Options{Required: true, QueueBytes: keyuse.MinQueueBytes, Getenv: keycachetest.ToConsole, Console: c})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestNoRoomForTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(stuck)
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{Recorder: stuckRecorder(t, c)})
		var err error
		for n := 0; err == nil; n++ {
			if n > 10_000 {
				t.Fatal("the record is never full")
			}
			_, err = r.seal("v")
		}
		r.wantReason(err, AuditFull)
		s := r.session()
		if _, err := s.Seal(nil, r.tag, codec.Text, []byte("v")); err != nil {
			t.Fatal(err)
		}
		r.wantReason(s.Admit(), AuditFull)
		first := s.Close(nil)
		r.wantReason(first, AuditFull)
		if s.Close(nil) != first || s.Admit() != first {
			t.Error("Close is not idempotent")
		}
		if !errors.Is(first, keyuse.ErrFull) {
			t.Errorf("cause %v", first)
		}
		close(c)
		r.end()
	})
}

// What Admit let pass is recorded, whoever else fills the queue meanwhile.
func TestAdmittedUsesAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(stuck)
		r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{Recorder: stuckRecorder(t, c)})
		s := r.session()
		if _, err := s.Seal(nil, r.tag, codec.Text, []byte("v")); err != nil {
			t.Fatal(err)
		}
		if err := s.Admit(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := r.seal("v"); err != nil {
				r.wantReason(err, AuditFull)
				break
			}
		}
		if err := s.Admit(); err != nil { // nothing new to admit
			t.Error(err)
		}
		if err := s.Close(nil); err != nil {
			t.Errorf("close: %v, though it was admitted", err)
		}
		close(c)
		r.end()
	})
}

// A session that goes on for hours judges bounds by the time of its latest
// chunk.
func TestLongSessionSeesBoundsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		s := r.session()
		text, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		m.Answer(0, hsm.Denied)
		time.Sleep(DefaultSoft)
		if err := s.Admit(); err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Open(nil, r.tag, text)
		r.wantReason(err, KeyDenied)
		_, err = s.Seal(nil, r.tag, codec.Text, []byte("v"))
		r.wantReason(err, KeyDenied)
		_ = s.Close(err)
		r.end()
	})
}

// So does one that has uses left of a data key that is too old to seal.
func TestLongSessionSealsUnderTheNextDataKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := keyOf(keycachetest.NewKMS("a"))
		cfg.Rotate.Age = time.Hour
		cfg.Cache.Soft = 12 * time.Hour
		r := newRig(t, cfg, Options{})
		s := r.session()
		seal := func() envelope.KeyID {
			if err := s.Admit(); err != nil {
				t.Fatal(err)
			}
			text, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
			if err != nil {
				t.Fatal(err)
			}
			return headerOf(t, text).KeyID
		}
		first := seal()
		time.Sleep(time.Hour - time.Second)
		if seal() != first {
			t.Error("the data key went before its time")
		}
		time.Sleep(time.Second)
		if seal() == first {
			t.Error("a data key seals past its age")
		}
		_ = s.Close(nil)
		r.end()
	})
}

func TestClosedSessionDoesNothing(t *testing.T) {
	r := newRig(t, keyOf(keycachetest.NewKMS("a")), Options{})
	s := r.session()
	if err := s.Close(nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Seal(nil, r.tag, codec.Text, []byte("v"))
	r.wantReason(err, KeyMisconfigured)
	_, _, err = s.Open(nil, r.tag, []byte("v"))
	r.wantReason(err, KeyMisconfigured)
	s.Prefetch(r.tag, []byte("v"))
	if uses := r.end(); len(uses) != 0 {
		t.Errorf("uses %v", uses)
	}
}

func TestClosedCacheRefuses(t *testing.T) {
	m := keycachetest.NewKMS("a")
	r := newRig(t, keyOf(m), Options{})
	text := r.mustSeal("v")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := r.open(text)
	r.wantReason(err, KeyUnavailable)
	_, err = r.seal("v")
	r.wantReason(err, KeyUnavailable)
	r.end()
}

// Closing does not wait for a KMS that hangs.
func TestCloseCutsCallsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		r := newRig(t, keyOf(m), Options{})
		m.Answer(time.Hour, 0)
		s := r.session()
		s.Warm(r.tag)
		synctest.Wait()
		_ = s.Close(nil)
		start := time.Now()
		r.end()
		if d := time.Since(start); d > time.Second {
			t.Errorf("close took %v", d)
		}
	})
}

// A use with many data keys leaves nothing behind in the session that comes
// after.
func TestPooledAccountIsEmpty(t *testing.T) {
	a := account{}
	for _, n := range []int{3, maxKept + 1, 2} {
		k := &key{Source: &source.Source{Name: "k"}}
		for i := range n {
			a.add(useID{key: k, dataKey: &datakeys.DataKey{}, operation: opOpen}, &Tag{name: fmt.Sprint("t", i), key: k}, 1, datakeys.Hit, 1)
		}
		if len(a.uses) != n || slices.ContainsFunc(a.uses, func(u keyuse.Use) bool { return len(u.Tags) != 1 || u.Fields != 1 }) {
			t.Fatalf("after %d adds: %+v", n, a.uses)
		}
		a.reset()
		if len(a.uses) != 0 || len(a.index) != 0 || cap(a.uses) > maxKept {
			t.Fatalf("not empty: %+v", a)
		}
	}
}

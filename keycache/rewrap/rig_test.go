package rewrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a cache over one key "k", with a recorder that writes to a buffer.
type rig struct {
	*keycache.Cache
	t   testing.TB
	tag *keycache.Tag
	rec *keyuse.Recorder
	out *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func console(name string) string {
	if name == "OTEL_TRACES_EXPORTER" {
		return "console"
	}
	return ""
}

func keyOf(kmss ...*keycachetest.KMS) *hsm.Key {
	ec, err := hsm.NewEncryptionContext(map[string]string{"service": "test"})
	if err != nil {
		panic(err)
	}
	k := &hsm.Key{Name: "k", Context: ec, Quorum: 1}
	for _, m := range kmss {
		k.KEKs = append(k.KEKs, m.KEK())
	}
	return k
}

func newRig(t testing.TB, cfg *hsm.Key, opt keycache.Options) *rig {
	t.Helper()
	return newRigWith(t, cfg, opt, suite.XAES256GCM)
}

// newRigWith is newRig with a tag of that suite.
func newRigWith(t testing.TB, cfg *hsm.Key, opt keycache.Options, id suite.ID) *rig {
	t.Helper()
	r := &rig{t: t, out: &buffer{}}
	var err error
	if opt.Recorder == nil {
		opt.Recorder, err = keyuse.Open(keyuse.Options{Required: true, Getenv: console, Console: r.out})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.rec = opt.Recorder
	ring, err := hsm.NewKeyring(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cache, err = keycache.New(ring, opt); err != nil {
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
	var uses []map[string]any
	for line := range bytes.Lines(r.out.b.Bytes()) {
		var u map[string]any
		if err := json.Unmarshal(line, &u); err != nil {
			r.t.Fatal(err)
		}
		uses = append(uses, u)
	}
	return uses
}

func (r *rig) session() *keycache.Session {
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

func (r *rig) wantReason(err error, want keycache.Reason) {
	r.t.Helper()
	e, ok := errors.AsType[*keycache.Error](err)
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
		r := newRig(t, keyOf(kmss...), keycache.Options{})
		out = append(out, r.mustSeal(value))
		r.end()
	}
	return out
}

func headerOf(t testing.TB, text []byte) envelope.Header {
	t.Helper()
	h, _, _, err := envelope.Parse(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantCount(t testing.TB, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d, want %d", what, got, want)
	}
}

func storing(s store.Store, refuse bool) keycache.Options {
	return keycache.Options{Stores: map[string]source.StoreOptions{"k": {Store: s, Refuse: refuse}}}
}

func dirOf(t *testing.T, folder string) keycache.Options {
	t.Helper()
	d, err := dir.Open(filepath.Join(folder, "store"))
	if err != nil {
		t.Fatal(err)
	}
	return storing(d, true)
}

func wantShape(t testing.TB, text []byte, inline bool) envelope.Header {
	t.Helper()
	h := headerOf(t, text)
	if (h.Record != nil) != inline {
		t.Fatalf("the record is inline: %t, want %t", h.Record != nil, inline)
	}
	return h
}

func mustRecord(t *testing.T, b []byte) envelope.Record {
	t.Helper()
	r, err := envelope.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

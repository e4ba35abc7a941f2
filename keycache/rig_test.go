package keycache

import (
	"bytes"
	"context"
	"crypto/aes"
	gocipher "crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A kms is a KEK in memory: AES-256-GCM with the context as additional data. It
// can be slow, and it can be told to fail.
type kms struct {
	name                      string
	aead                      gocipher.AEAD
	generates, wraps, unwraps atomic.Int64
	running, mostRunning      atomic.Int64

	denies string // one wrap that it does not unwrap; set before use

	mu      sync.Mutex
	delay   time.Duration
	class   hsm.Class            // of every answer, 0 for success
	times   []time.Time          // of unwraps
	vouched map[string]time.Time // when a wrap was last made or unwrapped
}

func newKMS(name string) *kms {
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	aead, _ := gocipher.NewGCMWithRandomNonce(block)
	return &kms{name: name, aead: aead, vouched: map[string]time.Time{}}
}

// answer sets how every call goes from now on.
func (k *kms) answer(delay time.Duration, class hsm.Class) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.delay, k.class = delay, class
}

func (k *kms) call(ctx context.Context, op string, n *atomic.Int64, do func() error) error {
	n.Add(1)
	running := k.running.Add(1)
	defer k.running.Add(-1)
	for most := k.mostRunning.Load(); running > most && !k.mostRunning.CompareAndSwap(most, running); {
		most = k.mostRunning.Load()
	}
	k.mu.Lock()
	delay, class := k.delay, k.class
	if op == "Decrypt" {
		k.times = append(k.times, time.Now())
	}
	k.mu.Unlock()
	start := time.Now()
	err := k.wait(ctx, delay)
	if err == nil && class != 0 {
		err = k.error(op, class, "ScriptedException")
	}
	if err == nil {
		err = do()
	}
	hsm.Observe(ctx, hsm.Call{Provider: "awskms", Operation: op, KeyID: k.name, Region: "eu-west-1", RequestID: "req-1", Start: start, End: time.Now(), Err: err})
	return err
}

// wait makes no timer that has expired already: under the race detector, Go 1.26
// may crash when a select in a bubble meets one (golang/go#78156).
func (k *kms) wait(ctx context.Context, delay time.Duration) error {
	if delay == 0 && ctx.Err() == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return k.error("wait", hsm.Unavailable, "Timeout")
	case <-time.After(delay):
		return nil
	}
}

func (k *kms) vouch(wrapped []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.vouched[string(wrapped)] = time.Now()
}

func (k *kms) error(op string, class hsm.Class, code string) error {
	return &hsm.Error{Class: class, Provider: "awskms", Operation: op, KeyID: k.name, Code: code, Err: errors.New("the secret story of " + k.name)}
}

func (k *kms) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (key *hsm.Secret, wrapped []byte, err error) {
	err = k.call(ctx, "GenerateDataKey", &k.generates, func() error {
		b := make([]byte, hsm.DataKeySize)
		rand.Read(b)
		key, wrapped = hsm.NewSecret(b), k.aead.Seal(nil, nil, b, ec.Encoded())
		k.vouch(wrapped)
		return nil
	})
	return key, wrapped, err
}

func (k *kms) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) (wrapped []byte, err error) {
	err = k.call(ctx, "Encrypt", &k.wraps, func() error {
		key.Expose(func(b []byte) { wrapped = k.aead.Seal(nil, nil, b, ec.Encoded()) })
		return nil
	})
	return wrapped, err
}

func (k *kms) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (key *hsm.Secret, err error) {
	err = k.call(ctx, "Decrypt", &k.unwraps, func() error {
		b, err := k.aead.Open(nil, nil, wrapped, ec.Encoded())
		if err != nil {
			return k.error("Decrypt", hsm.Corrupt, "InvalidCiphertextException")
		}
		key = hsm.NewSecret(b)
		if string(wrapped) == k.denies {
			return k.error("Decrypt", hsm.Denied, "AccessDeniedException")
		}
		k.vouch(wrapped)
		return nil
	})
	return key, err
}

func (k *kms) kek() hsm.KEK {
	return hsm.KEK{URI: "mem:" + k.name, Kind: "mem", ProviderID: 200, Identity: k.name, Provider: k}
}

// A rig is a cache over one key "k", with a recorder that writes to a buffer.
type rig struct {
	*Cache
	t   testing.TB
	tag *Tag
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

func keyOf(kmss ...*kms) *hsm.Key {
	ec, err := hsm.NewEncryptionContext(map[string]string{"service": "test"})
	if err != nil {
		panic(err)
	}
	k := &hsm.Key{Name: "k", Context: ec, Quorum: 1}
	for _, m := range kmss {
		k.KEKs = append(k.KEKs, m.kek())
	}
	return k
}

func newRig(t testing.TB, cfg *hsm.Key, opt Options) *rig {
	t.Helper()
	return newRigWith(t, cfg, opt, suite.XAES256GCM)
}

// newRigWith is newRig with a tag of that suite.
func newRigWith(t testing.TB, cfg *hsm.Key, opt Options, id suite.ID) *rig {
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

// foreign makes n envelopes, each under a data key of its own, in another process
// with the same KEKs.
func foreign(t testing.TB, n int, value string, kmss ...*kms) [][]byte {
	t.Helper()
	var out [][]byte
	for range n {
		r := newRig(t, keyOf(kmss...), Options{})
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

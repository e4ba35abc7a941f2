// Package keycachetest holds a KMS and a record store in memory, for tests of
// keycache and the packages below it.
package keycachetest

import (
	"context"
	"crypto/aes"
	gocipher "crypto/cipher"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// A KMS is a KEK in memory: AES-256-GCM with the context as additional data. It
// can be slow, and it can be told to fail.
type KMS struct {
	Name                      string
	aead                      gocipher.AEAD
	Generates, Wraps, Unwraps atomic.Int64 // calls
	Running, MostRunning      atomic.Int64

	Denies string // one wrap that it does not unwrap; set before use

	Mu      sync.Mutex
	delay   time.Duration
	class   hsm.Class            // of every answer, 0 for success
	Times   []time.Time          // of unwraps
	Vouched map[string]time.Time // when a wrap was last made or unwrapped
}

// NewKMS returns one of that name, with a new key.
func NewKMS(name string) *KMS {
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	aead, _ := gocipher.NewGCMWithRandomNonce(block)
	return &KMS{Name: name, aead: aead, Vouched: map[string]time.Time{}}
}

// Answer sets how every call goes from now on.
func (k *KMS) Answer(delay time.Duration, class hsm.Class) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.delay, k.class = delay, class
}

func (k *KMS) call(ctx context.Context, op string, n *atomic.Int64, do func() error) error {
	n.Add(1)
	running := k.Running.Add(1)
	defer k.Running.Add(-1)
	for most := k.MostRunning.Load(); running > most && !k.MostRunning.CompareAndSwap(most, running); {
		most = k.MostRunning.Load()
	}
	k.Mu.Lock()
	delay, class := k.delay, k.class
	if op == "Decrypt" {
		k.Times = append(k.Times, time.Now())
	}
	k.Mu.Unlock()
	start := time.Now()
	err := k.wait(ctx, delay)
	if err == nil && class != 0 {
		err = k.Failure(op, class, "ScriptedException")
	}
	if err == nil {
		err = do()
	}
	hsm.Observe(ctx, hsm.Call{Provider: "awskms", Operation: op, KeyID: k.Name, Region: "eu-west-1", RequestID: "req-1", Start: start, End: time.Now(), Err: err})
	return err
}

// wait makes no timer that has expired already: under the race detector, Go
// 1.26 may crash when a select in a bubble meets one (golang/go#78156).
func (k *KMS) wait(ctx context.Context, delay time.Duration) error {
	if delay == 0 && ctx.Err() == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return k.Failure("wait", hsm.Unavailable, "Timeout")
	case <-time.After(delay):
		return nil
	}
}

func (k *KMS) vouch(wrapped []byte) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	k.Vouched[string(wrapped)] = time.Now()
}

// Failure returns an error of the KMS, with a message that must not be
// recorded.
func (k *KMS) Failure(op string, class hsm.Class, code string) error {
	return &hsm.Error{Class: class, Provider: "awskms", Operation: op, KeyID: k.Name, Code: code, Err: errors.New("the secret story of " + k.Name)}
}

// GenerateDataKey is [hsm.Provider]'s.
func (k *KMS) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (key *hsm.Secret, wrapped []byte, err error) {
	err = k.call(ctx, "GenerateDataKey", &k.Generates, func() error {
		b := make([]byte, hsm.DataKeySize)
		rand.Read(b)
		key, wrapped = hsm.NewSecret(b), k.aead.Seal(nil, nil, b, ec.Encoded())
		k.vouch(wrapped)
		return nil
	})
	return key, wrapped, err
}

// WrapDataKey is [hsm.Provider]'s.
func (k *KMS) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) (wrapped []byte, err error) {
	err = k.call(ctx, "Encrypt", &k.Wraps, func() error {
		key.Expose(func(b []byte) { wrapped = k.aead.Seal(nil, nil, b, ec.Encoded()) })
		return nil
	})
	return wrapped, err
}

// UnwrapDataKey is [hsm.Provider]'s.
func (k *KMS) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (key *hsm.Secret, err error) {
	err = k.call(ctx, "Decrypt", &k.Unwraps, func() error {
		b, err := k.aead.Open(nil, nil, wrapped, ec.Encoded())
		if err != nil {
			return k.Failure("Decrypt", hsm.Corrupt, "InvalidCiphertextException")
		}
		key = hsm.NewSecret(b)
		if string(wrapped) == k.Denies {
			return k.Failure("Decrypt", hsm.Denied, "AccessDeniedException")
		}
		k.vouch(wrapped)
		return nil
	})
	return key, err
}

// KEK returns the KMS as a KEK.
func (k *KMS) KEK() hsm.KEK {
	return hsm.KEK{URI: "mem:" + k.Name, Kind: "mem", ProviderID: 200, Identity: k.Name, Provider: k}
}

// Package local is the provider whose key-encryption key (KEK) is a file: for
// demos, tests and development, and for machines without a KMS or HSM.
//
// The file is one line: `sealmesh-local-kek-v1 ` and 32 random bytes in
// standard base64. Only its owner may have permission to read it; sealmesh
// refuses any other file. Anyone who reads the file can open every record ever
// wrapped under it, and nothing records that: for personal data in production
// use a KMS or an HSM.
//
// A wrapped data key is 60 bytes: a random 12-byte nonce, the encrypted key,
// and a 16-byte tag. It is AES-256-GCM (NIST SP 800-38D) with [wrapLabel] and
// the canonical encryption context as additional data. Random nonces limit one
// KEK to 2^32 wraps, far more than one data key per writer and day needs.
package local

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind in URIs and records.
const Kind = "local"

// wrapLabel separates wraps from any other use of the KEK, and is the version
// of their layout.
const wrapLabel = "sealmesh/local/wrap/v1\x00"

// WrappedSize is the length in bytes of every data key wrapped here.
const WrappedSize = 12 + hsm.DataKeySize + 16

// A Provider wraps data keys under a KEK from a file. Safe for concurrent use.
// It needs no Close.
type Provider struct {
	aead     cipher.AEAD
	identity string
}

// newProvider makes a Provider and clears key.
func newProvider(key []byte) (*Provider, error) {
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Provider{aead: aead, identity: fingerprint(key)}, nil
}

// fingerprint is a MAC and not a plain hash, so that it is one-way even for a
// key that somebody typed.
func fingerprint(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("sealmesh/local/kek-id/v1"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Identity returns the KEK's fingerprint. It depends on the key and not on the
// path, so a file that was moved still opens its records.
func (p *Provider) Identity() string { return p.identity }

// GenerateDataKey makes a data key from crypto/rand and wraps it.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	var key *hsm.Secret
	var wrapped []byte
	err := p.call(ctx, "GenerateDataKey", func() *hsm.Error {
		b := make([]byte, hsm.DataKeySize)
		rand.Read(b) // never fails: it ends the process instead
		key, wrapped = hsm.NewSecret(b), p.wrap(b, ec)
		return nil
	})
	return key, wrapped, err
}

// WrapDataKey wraps key, which must be [hsm.DataKeySize] bytes.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	var wrapped []byte
	err := p.call(ctx, "WrapDataKey", func() *hsm.Error {
		var failed *hsm.Error
		key.Expose(func(b []byte) {
			if len(b) != hsm.DataKeySize {
				failed = &hsm.Error{Class: hsm.Unsupported, Err: errors.New("data key is not 32 bytes")}
				return
			}
			wrapped = p.wrap(b, ec)
		})
		return failed
	})
	return wrapped, err
}

// UnwrapDataKey opens what GenerateDataKey or WrapDataKey wrapped.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	var key *hsm.Secret
	err := p.call(ctx, "UnwrapDataKey", func() *hsm.Error {
		if len(wrapped) != WrappedSize {
			return &hsm.Error{Class: hsm.Corrupt, Err: errors.New("wrapped data key has the wrong length")}
		}
		b, err := p.aead.Open(nil, nil, wrapped, additionalData(ec))
		if err != nil {
			return &hsm.Error{Class: hsm.Corrupt, Err: errors.New("wrapped data key does not authenticate"),
				Hint: "it was wrapped by another key file, under another key context, or has been changed"}
		}
		key = hsm.NewSecret(b)
		return nil
	})
	return key, err
}

// Describe reports the KEK. A file has no Regions, rotation or expiry.
func (p *Provider) Describe(context.Context) (hsm.Description, error) {
	return hsm.Description{
		Kind: Kind, KeyID: p.identity, Manager: "customer",
		Origin: "FILE", Spec: "AES_256", State: "Enabled",
	}, nil
}

func (p *Provider) wrap(key []byte, ec hsm.EncryptionContext) []byte {
	return p.aead.Seal(nil, nil, key, additionalData(ec))
}

func additionalData(ec hsm.EncryptionContext) []byte {
	return append([]byte(wrapLabel), ec.Encoded()...)
}

// call runs one operation, completes its error, and reports it like a provider
// with a real back end: so the spans of a demo look like those of a KMS.
func (p *Provider) call(ctx context.Context, operation string, run func() *hsm.Error) error {
	start := time.Now()
	var failed *hsm.Error
	if err := ctx.Err(); err != nil {
		failed = &hsm.Error{Class: hsm.Unavailable, Err: err}
	} else {
		failed = run()
	}
	var err error
	if failed != nil {
		failed.Provider, failed.Operation, failed.KeyID = Kind, operation, p.identity
		err = failed
	}
	hsm.Observe(ctx, hsm.Call{Provider: Kind, Operation: operation, KeyID: p.identity, Start: start, End: time.Now(), Err: err})
	return err
}

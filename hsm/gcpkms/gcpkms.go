package gcpkms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind, as URIs and records name it.
const Kind = "gcpkms"

// A Provider is one Cloud KMS key. Safe for concurrent use. It holds nothing that
// has to be closed.
type Provider struct {
	client *client
	// primary is the version that wraps, as far as Cloud KMS has told; nil before.
	primary atomic.Pointer[string]
}

// Identity returns the key's name: projects/…/cryptoKeys/….
func (p *Provider) Identity() string { return p.client.key }

// GenerateDataKey makes a data key from crypto/rand and has Cloud KMS wrap it:
// it makes none itself.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key) // never fails: it ends the process instead
	wrapped, err := p.wrap(ctx, requestBody("plaintext", key, ec))
	if err != nil {
		clear(key)
		return nil, nil, err
	}
	return hsm.NewSecret(key), wrapped, nil
}

// WrapDataKey has Cloud KMS encrypt key, which must be [hsm.DataKeySize] bytes.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	var body []byte
	key.Expose(func(b []byte) {
		if len(b) == hsm.DataKeySize {
			body = requestBody("plaintext", b, ec)
		}
	})
	if body == nil {
		return nil, p.client.fail(hsm.Unsupported, "Encrypt", errors.New("data key is not 32 bytes"), "")
	}
	return p.wrap(ctx, body)
}

// wrap clears body.
func (p *Provider) wrap(ctx context.Context, body []byte) ([]byte, error) {
	defer clear(body)
	out, err := do(ctx, p.client, request{operation: "Encrypt", verb: ":encrypt", body: body}, func(e *encrypted) error { return e.verify(p.client.key) })
	if err != nil {
		return nil, err
	}
	if n := len(out.Ciphertext); n <= hsm.DataKeySize || n > hsm.MaxWrappedSize {
		return nil, p.client.fail(hsm.Unsupported, "Encrypt", fmt.Errorf("Cloud KMS returned a wrapped key of %d bytes", n), hintBetween)
	}
	primary := path.Base(out.Name)
	p.primary.Store(&primary)
	return out.Ciphertext, nil
}

// UnwrapDataKey has Cloud KMS decrypt wrapped under this key, by whichever of its
// versions wrapped it, and under no other key.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if len(wrapped) == 0 || len(wrapped) > hsm.MaxWrappedSize {
		return nil, p.client.fail(hsm.Corrupt, "Decrypt", errors.New("wrapped data key has the wrong length"), hsm.HintCorrupt)
	}
	out, err := do(ctx, p.client, request{operation: "Decrypt", verb: ":decrypt", body: requestBody("ciphertext", wrapped, ec)}, (*decrypted).verify)
	if err != nil {
		return nil, p.spare(err)
	}
	if len(out.Plaintext) != hsm.DataKeySize {
		clear(out.Plaintext)
		return nil, p.client.fail(hsm.Corrupt, "Decrypt", errors.New("the plaintext is no data key"), "it was not wrapped by sealmesh")
	}
	return hsm.NewSecret(out.Plaintext), nil
}

// spare keeps an old version that was disabled or destroyed from counting as the
// end of the KEK: what it wrapped cannot be opened, and what the primary version
// wrapped can.
func (p *Provider) spare(err error) error {
	e, ok := errors.AsType[*versionError](err)
	primary := p.primary.Load()
	if !ok || primary == nil || e.version == *primary {
		return err
	}
	failed := *err.(*hsm.Error)
	if failed.Class == hsm.Denied {
		failed.Class = hsm.Misconfigured
	}
	return &failed
}

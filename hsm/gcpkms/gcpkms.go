package gcpkms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"

	"google.golang.org/api/cloudkms/v1"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind in URIs and records.
const Kind = "gcpkms"

// A Provider is one Cloud KMS key. Safe for concurrent use. It needs no Close.
type Provider struct {
	client *client
}

// Identity returns the key's name: projects/…/cryptoKeys/….
func (p *Provider) Identity() string { return p.client.key }

// GenerateDataKey makes a data key from crypto/rand and lets Cloud KMS wrap it:
// Cloud KMS makes no data keys.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key) // never fails: it ends the process instead
	wrapped, err := p.wrap(ctx, encryptRequest(key, ec))
	if err != nil {
		clear(key)
		return nil, nil, err
	}
	return hsm.NewSecret(key), wrapped, nil
}

// WrapDataKey lets Cloud KMS encrypt key, which must be [hsm.DataKeySize]
// bytes.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	var asked *cloudkms.EncryptRequest
	key.Expose(func(b []byte) {
		if len(b) == hsm.DataKeySize {
			asked = encryptRequest(b, ec)
		}
	})
	if asked == nil {
		return nil, p.client.fail(hsm.Unsupported, "Encrypt", errors.New("data key is not 32 bytes"), "")
	}
	return p.wrap(ctx, asked)
}

func (p *Provider) wrap(ctx context.Context, asked *cloudkms.EncryptRequest) ([]byte, error) {
	c := p.client
	var wrapped []byte
	_, failed := ask(ctx, c, "Encrypt",
		func(ctx context.Context) call[*cloudkms.EncryptResponse] {
			return c.keys.Encrypt(c.key, asked).Context(ctx)
		},
		func(e *cloudkms.EncryptResponse) (err error) { wrapped, err = encrypted(e, c.key); return err })
	if failed != nil {
		return nil, p.explain(ctx, failed)
	}
	if n := len(wrapped); n <= hsm.DataKeySize || n > hsm.MaxWrappedSize {
		return nil, c.fail(hsm.Unsupported, "Encrypt", fmt.Errorf("Cloud KMS returned a wrapped key of %d bytes", n), hintBetween)
	}
	return wrapped, nil
}

// UnwrapDataKey lets Cloud KMS decrypt wrapped under this key, with the version
// that wrapped it, and under no other key.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	c := p.client
	if len(wrapped) == 0 || len(wrapped) > hsm.MaxWrappedSize {
		return nil, c.fail(hsm.Corrupt, "Decrypt", errors.New("wrapped data key has the wrong length"), hsm.HintCorrupt)
	}
	asked := decryptRequest(wrapped, ec)
	var key []byte
	_, failed := ask(ctx, c, "Decrypt",
		func(ctx context.Context) call[*cloudkms.DecryptResponse] {
			return c.keys.Decrypt(c.key, asked).Context(ctx)
		},
		func(d *cloudkms.DecryptResponse) (err error) { key, err = decrypted(d); return err })
	if failed != nil {
		return nil, p.explain(ctx, failed)
	}
	if len(key) != hsm.DataKeySize {
		clear(key)
		return nil, c.fail(hsm.Corrupt, "Decrypt", errors.New("the plaintext is no data key"), "it was not wrapped by sealmesh")
	}
	return hsm.NewSecret(key), nil
}

// explain asks for the key after a version of it was refused: that ends the KEK
// only if the version is the primary one. The primary version of an earlier
// reading does not count, since keys rotate, and Cloud KMS may lag. If the
// primary version is unknown, the answer is unclear.
func (p *Provider) explain(ctx context.Context, e *hsm.Error) error {
	refused, ok := errors.AsType[*versionError](e)
	if !ok || e.Class != hsm.Denied {
		return e
	}
	k, err := p.read(ctx)
	other, _ := errors.AsType[*hsm.Error](err)
	switch {
	case other != nil && other.Code == "NOT_FOUND":
		e.Hint = other.Hint
	case other != nil || k.Primary == nil:
		e.Class, e.Hint = hsm.Unclear, "allow cloudkms.cryptoKeys.get, so that the primary version can be told from others"
	case k.Primary.State != "ENABLED":
		// The KEK no longer wraps anything.
	case path.Base(k.Primary.Name) == refused.version || e.Operation == "Encrypt":
		e.Class, e.Hint = hsm.Unclear, "the key was changed just now, and not all of Cloud KMS knows it yet; wait"
	default:
		e.Class = hsm.Misconfigured
	}
	return e
}

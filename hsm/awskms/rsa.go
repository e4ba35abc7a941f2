package awskms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// rsaLabel separates the hash of an encryption context from every other use of
// SHA-256 in sealmesh, and versions the plaintext's layout.
const rsaLabel = "sealmesh/awskms/rsa-context/v1\x00"

// rsaPlaintextSize is a data key and the SHA-256 of rsaLabel and the canonical
// encryption context. KMS takes no context with an RSA key and OAEP's label is
// not ours to set, so what binds the context is inside.
const rsaPlaintextSize = hsm.DataKeySize + sha256.Size

var modulusBytes = map[types.KeySpec]int{
	types.KeySpecRsa2048: 256,
	types.KeySpecRsa3072: 384,
	types.KeySpecRsa4096: 512,
}

func contextHash(ec hsm.EncryptionContext) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(rsaLabel), ec.Encoded()...))
}

func (p *Provider) generateRSA(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key) // never fails: it ends the process instead
	wrapped, err := p.wrapRSA(ctx, key, ec)
	if err != nil {
		clear(key)
		return nil, nil, err
	}
	return hsm.NewSecret(key), wrapped, nil
}

// wrapRSA needs only the public key, so it makes no call: nobody can refuse it,
// and CloudTrail does not see it.
func (p *Provider) wrapRSA(ctx context.Context, key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, p.fail(hsm.Unavailable, "EncryptOAEP", err, "")
	}
	hash := contextHash(ec)
	plaintext := append(append(make([]byte, 0, rsaPlaintextSize), key...), hash[:]...)
	defer clear(plaintext)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, p.public, plaintext, nil)
	if err != nil {
		return nil, p.fail(hsm.Unsupported, "EncryptOAEP", err, "")
	}
	return wrapped, nil
}

// openRSA takes the data key out of a plaintext of the right size.
func (p *Provider) openRSA(plaintext []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	hash := contextHash(ec)
	if subtle.ConstantTimeCompare(plaintext[hsm.DataKeySize:], hash[:]) != 1 {
		clear(plaintext)
		return nil, p.fail(hsm.Corrupt, "Decrypt", errors.New("wrapped under another key context"), hintCorrupt)
	}
	return hsm.NewSecret(plaintext[:hsm.DataKeySize:hsm.DataKeySize]), nil
}

package awskms

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// rsaLabel is in existing wraps: it must not change.
const rsaLabel hsm.RSALabel = "sealmesh/awskms/rsa-context/v1\x00"

var modulusBytes = map[types.KeySpec]int{
	types.KeySpecRsa2048: 256,
	types.KeySpecRsa3072: 384,
	types.KeySpecRsa4096: 512,
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

// wrapRSA needs only the public key, so no permission protects it and
// CloudTrail does not show it. It asks for the key's state first.
func (p *Provider) wrapRSA(ctx context.Context, key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	if err := p.refused(ctx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, p.fail(hsm.Unavailable, "EncryptOAEP", err, "")
	}
	wrapped, err := rsaLabel.Wrap(p.public, key, ec)
	if err != nil {
		return nil, p.fail(hsm.Unsupported, "EncryptOAEP", err, "")
	}
	return wrapped, nil
}

// refused returns why the key must no longer wrap, or nil. Without this check a
// process that only seals would continue under a key that was disabled to
// revoke it or, worse, deleted, so that nothing ever opens what it sealed. No
// answer from KMS is no refusal: sealing without KMS is the purpose of an RSA
// key. The check takes at most half of the caller's time.
func (p *Provider) refused(ctx context.Context) error {
	budget := p.timeout
	if deadline, ok := ctx.Deadline(); ok {
		budget = min(budget, time.Until(deadline)/2)
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	m, err := p.metadata(bounded)
	if err == nil {
		if no := usable(m); no != nil {
			err = no
		}
	}
	if err != nil && hsm.ClassOf(err) != hsm.Unavailable {
		return err
	}
	return nil
}

// openRSA returns the data key in a plaintext of the right size.
func (p *Provider) openRSA(plaintext []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if !rsaLabel.Bound(plaintext, ec) {
		clear(plaintext)
		return nil, p.fail(hsm.Corrupt, "Decrypt", errors.New("wrapped under another key context"), hsm.HintCorrupt)
	}
	return hsm.NewSecret(plaintext[:hsm.DataKeySize:hsm.DataKeySize]), nil
}

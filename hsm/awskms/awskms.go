package awskms

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind in URIs and records.
const Kind = "awskms"

// A Provider is one KMS key, in one Region or several. Safe for concurrent use.
// It needs no Close.
type Provider struct {
	identity    string
	regions     []*region      // in order of preference
	public      *rsa.PublicKey // nil for a symmetric key
	grantTokens []string
	timeout     time.Duration

	settings settings // as the URI has them: former= names keys of its alias
	client   aws.HTTPClient
}

// Identity returns the key's ARN, without the Region for a multi-Region key.
func (p *Provider) Identity() string { return p.identity }

// GenerateDataKey lets KMS make and wrap a data key. For an RSA key it makes
// and wraps the data key itself, and asks KMS only whether the key is still
// enabled.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	if p.public != nil {
		return p.generateRSA(ctx, ec)
	}
	out, err := do(ctx, p, operation[*kms.GenerateDataKeyOutput]{"GenerateDataKey",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
			return r.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
				KeyId: aws.String(r.key.String()), KeySpec: types.DataKeySpecAes256,
				EncryptionContext: ec.Map(), GrantTokens: p.grantTokens,
			}, opts...)
		}})
	if err != nil {
		return nil, nil, err
	}
	key := hsm.NewSecret(out.Plaintext)
	err = p.checkAnswer("GenerateDataKey", out.KeyId, len(out.Plaintext), hsm.DataKeySize)
	if err == nil {
		err = p.checkWrapped("GenerateDataKey", out.CiphertextBlob)
	}
	if err != nil {
		key.Destroy()
		return nil, nil, err
	}
	return key, out.CiphertextBlob, nil
}

// WrapDataKey lets KMS encrypt key. For an RSA key it encrypts key itself.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) (wrapped []byte, err error) {
	key.Expose(func(b []byte) {
		switch {
		case len(b) != hsm.DataKeySize:
			err = p.fail(hsm.Unsupported, "WrapDataKey", errors.New("data key is not 32 bytes"), "")
		case p.public != nil:
			wrapped, err = p.wrapRSA(ctx, b, ec)
		default:
			wrapped, err = p.encrypt(ctx, b, ec)
		}
	})
	return wrapped, err
}

func (p *Provider) encrypt(ctx context.Context, key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	out, err := do(ctx, p, operation[*kms.EncryptOutput]{"Encrypt",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.EncryptOutput, error) {
			return r.client.Encrypt(ctx, &kms.EncryptInput{
				KeyId: aws.String(r.key.String()), Plaintext: key,
				EncryptionContext: ec.Map(), GrantTokens: p.grantTokens,
			}, opts...)
		}})
	if err != nil {
		return nil, err
	}
	if err := p.checkAnswer("Encrypt", out.KeyId, 0, 0); err != nil {
		return nil, err
	}
	return out.CiphertextBlob, p.checkWrapped("Encrypt", out.CiphertextBlob)
}

// UnwrapDataKey lets KMS decrypt wrapped under this key and no other: without a
// KeyId, KMS would use the key that the ciphertext names.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if len(wrapped) == 0 || len(wrapped) > hsm.MaxWrappedSize || p.public != nil && len(wrapped) != p.public.Size() {
		return nil, p.fail(hsm.Corrupt, "Decrypt", errors.New("wrapped data key has the wrong length"), hsm.HintCorrupt)
	}
	in := kms.DecryptInput{CiphertextBlob: wrapped, EncryptionContext: ec.Map(), GrantTokens: p.grantTokens}
	size := hsm.DataKeySize
	if p.public != nil {
		in.EncryptionAlgorithm = types.EncryptionAlgorithmSpecRsaesOaepSha256
		in.EncryptionContext = nil // KMS takes none for RSA: the plaintext holds its hash
		size = hsm.RSAPlaintextSize
	}
	out, err := do(ctx, p, operation[*kms.DecryptOutput]{"Decrypt",
		func(ctx context.Context, r *region, opts ...func(*kms.Options)) (*kms.DecryptOutput, error) {
			in := in
			in.KeyId = aws.String(r.key.String())
			return r.client.Decrypt(ctx, &in, opts...)
		}})
	if err != nil {
		return nil, err
	}
	if err := p.checkAnswer("Decrypt", out.KeyId, len(out.Plaintext), size); err != nil {
		clear(out.Plaintext)
		return nil, err
	}
	if p.public != nil {
		return p.openRSA(out.Plaintext, ec)
	}
	return hsm.NewSecret(out.Plaintext), nil
}

// checkAnswer refuses an answer about another key, and a plaintext that is no
// data key, such as one that was encrypted for another purpose.
func (p *Provider) checkAnswer(operation string, keyID *string, size, want int) error {
	switch {
	case !p.regions[0].key.same(aws.ToString(keyID)):
		return p.fail(hsm.Corrupt, operation, errors.New("KMS answered for another key"), hintAnswer)
	case size != want:
		return p.fail(hsm.Corrupt, operation, fmt.Errorf("the plaintext has %d bytes, want %d", size, want), "it was not wrapped by sealmesh")
	}
	return nil
}

// checkWrapped refuses a wrap that UnwrapDataKey would not try.
func (p *Provider) checkWrapped(operation string, wrapped []byte) error {
	if len(wrapped) == 0 || len(wrapped) > hsm.MaxWrappedSize {
		return p.fail(hsm.Corrupt, operation, fmt.Errorf("the wrapped key has %d bytes", len(wrapped)), hintAnswer)
	}
	return nil
}

func (p *Provider) fail(class hsm.Class, operation string, err error, hint string) error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: p.identity, Err: err, Hint: hint}
}

//go:build cgo && !windows

package pkcs11

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// A provider is one KEK on one token.
type provider struct {
	token
	pool    *pool
	iv      ivPolicy       // of an AES KEK
	public  *rsa.PublicKey // of an RSA KEK, nil otherwise
	known   known
	closing sync.Once
}

// known is a wrap made when the KEK was opened. Whether it still unwraps
// distinguishes a failing device from bad data.
type known struct {
	key, wrapped []byte
	ec           hsm.EncryptionContext
}

// GenerateDataKey implements [hsm.Provider]. The key is the XOR of the device's
// random numbers and this process's, so it is as good as the better of the two.
func (p *provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	both, err := p.run(ctx, "C_Encrypt", func(ctx context.Context, s *session) ([]byte, error) {
		if p.public != nil {
			// Nothing else here would notice that the token lost the key, and that
			// values sealed from now on can never be opened.
			if _, err := p.attribute(ctx, s, p11.CKA_MODULUS, "CKA_MODULUS"); err != nil {
				return nil, err
			}
		}
		key := make([]byte, hsm.DataKeySize)
		defer clear(key)
		_, _ = rand.Read(key) // never fails
		if err := p.mixRandom(ctx, s, key); err != nil {
			return nil, err
		}
		wrapped, err := p.wrap(ctx, s, key, ec)
		if err != nil {
			return nil, err
		}
		return slices.Concat(key, wrapped), nil
	})
	if err != nil {
		return nil, nil, err
	}
	key, wrapped := slices.Clone(both[:hsm.DataKeySize]), slices.Clone(both[hsm.DataKeySize:])
	clear(both)
	return hsm.NewSecret(key), wrapped, nil
}

// mixRandom XORs the device's random numbers into key. A token without a
// generator is no failure: key is good already.
func (p *provider) mixRandom(ctx context.Context, s *session, key []byte) error {
	err := p.call(ctx, "C_GenerateRandom", func() error {
		random, err := p.ctx.GenerateRandom(s.handle, len(key))
		if err == nil {
			subtle.XORBytes(key, key, random)
			clear(random)
		}
		return err
	})
	if returned(err, p11.CKR_RANDOM_NO_RNG) || returned(err, p11.CKR_FUNCTION_NOT_SUPPORTED) {
		return nil
	}
	return err
}

// WrapDataKey implements [hsm.Provider]. Under an RSA KEK it needs no device.
func (p *provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	if p.public != nil {
		own, err := p.copyKey(key)
		if err != nil {
			return nil, err
		}
		defer clear(own)
		if ctx.Err() != nil {
			return nil, timeout("C_Encrypt", p.keyID, ctx.Err())
		}
		return p.wrapOAEP(own, ec)
	}
	return p.run(ctx, "C_Encrypt", func(ctx context.Context, s *session) ([]byte, error) {
		// Each attempt has its own copy: an attempt that was left behind in the
		// device may still read it after the caller destroyed key.
		own, err := p.copyKey(key)
		if err != nil {
			return nil, err
		}
		defer clear(own)
		return p.wrap(ctx, s, own, ec)
	})
}

func (p *provider) copyKey(key *hsm.Secret) (own []byte, err error) {
	key.Expose(func(b []byte) { own = slices.Clone(b) })
	if len(own) != hsm.DataKeySize {
		clear(own)
		return nil, p.fail(hsm.Unsupported, "C_Encrypt", "only a data key of 32 bytes, not yet destroyed, can be wrapped")
	}
	return own, nil
}

// UnwrapDataKey implements [hsm.Provider].
func (p *provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if !p.wellFormed(wrapped) {
		return nil, p.fail(hsm.Corrupt, "C_Decrypt", hsm.HintCorrupt)
	}
	wrapped = slices.Clone(wrapped) // a call that was left behind may still read it
	key, err := p.run(ctx, "C_Decrypt", func(ctx context.Context, s *session) ([]byte, error) {
		key, err := p.unwrap(ctx, s, wrapped, ec)
		if err != nil && doubtful(err) {
			return p.decide(ctx, s, wrapped, ec, err)
		}
		return key, err
	})
	if err != nil {
		return nil, err
	}
	return hsm.NewSecret(key), nil
}

// decide determines whether err, from unwrapping wrapped, means bad data or a
// failing device. If a known good wrap unwraps and wrapped fails again in the
// same session, the data is bad.
func (p *provider) decide(ctx context.Context, s *session, wrapped []byte, ec hsm.EncryptionContext, err error) ([]byte, error) {
	probe, sick := p.unwrap(ctx, s, p.known.wrapped, p.known.ec)
	if sick != nil || subtle.ConstantTimeCompare(probe, p.known.key) != 1 {
		return nil, err
	}
	key, again := p.unwrap(ctx, s, wrapped, ec)
	if again == nil || !doubtful(again) {
		return key, again
	}
	code := "" // without the error itself, which recovery would take for the device's
	if e, ok := errors.AsType[*hsm.Error](again); ok {
		code = e.Code
	}
	return nil, &hsm.Error{
		Class: hsm.Corrupt, Provider: Kind, Operation: "C_Decrypt", KeyID: p.keyID,
		Code: code, Hint: hsm.HintCorrupt,
	}
}

func (p *provider) wellFormed(wrapped []byte) bool {
	if len(wrapped) == 0 {
		return false
	}
	size := len(wrapped) - 1
	switch wrapped[0] {
	case formGCM12:
		return p.public == nil && size == ivSize+sealedSize
	case formGCM16:
		return p.public == nil && size == longIVSize+sealedSize
	case formOAEP:
		return p.public != nil && size == p.public.Size()
	default:
		return false
	}
}

func (p *provider) wrap(ctx context.Context, s *session, key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	if p.public != nil {
		return p.wrapOAEP(key, ec)
	}
	return p.wrapGCM(ctx, s, key, aad(ec))
}

func (p *provider) unwrap(ctx context.Context, s *session, wrapped []byte, ec hsm.EncryptionContext) ([]byte, error) {
	if p.public != nil {
		return p.unwrapOAEP(ctx, s, wrapped, ec)
	}
	return p.unwrapGCM(ctx, s, wrapped, aad(ec))
}

// bufferSlack is extra room that some modules need beyond their output.
const bufferSlack = 64

// decrypt returns the want bytes that f decrypts.
func (p *provider) decrypt(ctx context.Context, want int, f func(out []byte) (int, bool, error)) ([]byte, error) {
	room := want + tagSize + bufferSlack
	if p.public != nil {
		room = p.public.Size() // before the padding is off
	}
	out := make([]byte, room)
	n, err := p.crypt(ctx, "C_Decrypt", func() (int, bool, error) {
		n, begun, err := f(out)
		if err == nil && n != want {
			err = p.fail(hsm.Corrupt, "C_Decrypt", hsm.HintCorrupt)
		}
		return n, begun, err
	})
	if err != nil {
		clear(out)
		return nil, err
	}
	return out[:n:n], nil
}

// crypt makes one call that begins and ends an operation. It is reported as one
// call, under the name of its beginning if that failed.
func (p *provider) crypt(ctx context.Context, operation string, f func() (int, bool, error)) (int, error) {
	if ctx.Err() != nil {
		return 0, timeout(operation, p.keyID, ctx.Err())
	}
	start := time.Now()
	n, begun, err := f()
	if !begun {
		operation += "Init"
	}
	return n, report(ctx, operation, p.keyID, start, err)
}

// intact reports whether the session that returned err can be used again.
func intact(err error) bool {
	return hsm.ClassOf(err) == hsm.Corrupt
}

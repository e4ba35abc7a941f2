//go:build cgo && !windows

package pkcs11

import (
	"bytes"
	"context"
	"errors"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// Open opens the KEK that uri names, checks its attributes, and tests it with
// one wrap and unwrap. identity stays the same when uri changes; see the
// package documentation. The provider implements [hsm.Describer] and
// [io.Closer]. All its methods are safe for concurrent use.
func Open(ctx context.Context, uri string) (p hsm.Provider, identity string, err error) {
	u, err := parseURI(uri)
	if err != nil {
		return nil, "", uriError(err)
	}
	m, err := openModule(ctx, u)
	if err != nil {
		return nil, "", err
	}
	kek := &provider{token: token{module: m, uri: u, keyID: u.configured()}, pool: newPool(u.sessions)}
	identity, err = kek.prepare(ctx)
	if err != nil {
		return nil, "", errors.Join(err, kek.Close())
	}
	return kek, identity, nil
}

// prepare reads the KEK's attributes and proves that it works.
func (p *provider) prepare(ctx context.Context) (string, error) {
	var name string
	_, err := p.run(ctx, "C_OpenSession", func(ctx context.Context, s *session) ([]byte, error) {
		k, err := p.inspect(ctx, s)
		if err != nil {
			return nil, err
		}
		if name, err = p.resolve(ctx, k); err != nil {
			return nil, err
		}
		if p.public = k.public; p.public == nil {
			if err := p.settleProfile(ctx); err != nil {
				return nil, err
			}
		}
		return nil, p.selfTest(ctx, s)
	})
	if err != nil {
		return "", err
	}
	p.keyID, p.seen = name, true
	return name, nil
}

// resolve returns the identity of k.
func (t *token) resolve(ctx context.Context, k *kek) (string, error) {
	_, info, err := t.find(ctx)
	if err != nil {
		return "", err
	}
	label, serial := trim(info.Label), trim(info.SerialNumber)
	if label+serial == "" || len(k.id)+len(k.label) == 0 {
		return "", t.fail(hsm.Misconfigured, "C_GetAttributeValue", "give the token a label and the KEK a CKA_ID or CKA_LABEL: sealmesh cannot name it otherwise")
	}
	return identity(label, serial, k.id, string(k.label), t.uri.keyType()), nil
}

// settleProfile determines who makes the IV of AES-GCM.
func (p *provider) settleProfile(ctx context.Context) error {
	name := p.uri.profile
	if name == "" {
		var info p11.Info
		err := p.call(ctx, "C_GetInfo", func() (err error) {
			info, err = p.ctx.GetInfo()
			return err
		})
		if err != nil {
			return err
		}
		name = detectProfile(info.ManufacturerID, info.LibraryDescription)
	}
	iv, ok := profiles[name]
	if !ok {
		return p.fail(hsm.Misconfigured, "C_GetInfo", "this library is not known: name its way with x-profile, one of "+profileNames()+", or use x-mechanism="+mechRSAOAEP)
	}
	p.iv = iv
	return nil
}

// selfTest wraps one key twice, compares the two IVs, and unwraps it. The wrap
// is kept: see known.
func (p *provider) selfTest(ctx context.Context, s *session) error {
	key := bytes.Repeat([]byte{0x5a}, hsm.DataKeySize) // never protects anything
	var ec hsm.EncryptionContext
	first, err := p.wrap(ctx, s, key, ec)
	if err != nil {
		return err
	}
	second, err := p.wrap(ctx, s, key, ec)
	if err != nil {
		return err
	}
	back, err := p.unwrap(ctx, s, second, ec)
	if err != nil {
		return err
	}
	if bytes.Equal(first, second) || !bytes.Equal(key, back) {
		return p.fail(hsm.Misconfigured, "C_Decrypt", "self-test failed: the device repeats IVs, or does not decrypt what it encrypted")
	}
	p.known = known{key: key, wrapped: second, ec: ec}
	return nil
}

// Describe implements [hsm.Describer]. It reads the KEK's attributes each time.
// Origin is HSM for a key with CKA_LOCAL, and EXTERNAL for any other.
func (p *provider) Describe(ctx context.Context) (hsm.Description, error) {
	var k *kek
	_, err := p.run(ctx, "C_GetAttributeValue", func(ctx context.Context, s *session) (_ []byte, err error) {
		k, err = p.inspect(ctx, s)
		return nil, err
	})
	if err != nil {
		return hsm.Description{}, err
	}
	origin := "EXTERNAL"
	if k.local {
		origin = "HSM"
	}
	return hsm.Description{
		Kind: Kind, KeyID: p.keyID, Manager: "customer", Origin: origin,
		Spec: k.spec(), State: "Enabled",
	}, nil
}

// Close closes the sessions, and finalises the module if no other provider uses
// it. Operations after Close fail. If a call hangs in the device, Close leaves
// the call behind and returns an error. It may be called more than once.
func (p *provider) Close() (err error) {
	p.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), resetPatience)
		defer cancel()
		_, err = handOff(ctx, "C_CloseSession", p.keyID, func() ([]byte, error) {
			if err := p.gate.Acquire(ctx, 1); err != nil {
				return nil, timeout("C_CloseSession", p.keyID, err)
			}
			defer p.gate.Release(1)
			return nil, p.pool.drain(ctx, func(s *session) { p.closeSession(ctx, s) })
		})
		err = errors.Join(err, p.release(ctx))
	})
	return err
}

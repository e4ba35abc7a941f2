//go:build cgo && !windows

package pkcs11

import (
	"context"
	"crypto/rand"
	"errors"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// CreateKEK makes the AES-256 KEK that uri names on its token, and returns its
// identity. The key never leaves the token: it is sensitive, not extractable,
// and neither wraps nor unwraps other keys. uri names the object; the id is
// random unless uri gives one. An existing object with the label or id is
// refused, never replaced.
//
// If ctx ends first, the key may or may not exist: look before you retry.
func CreateKEK(ctx context.Context, uri string) (identity string, err error) {
	u, err := parseURI(uri)
	if err != nil {
		return "", uriError(err)
	}
	if u.mechanism != mechAESGCM || u.object == "" {
		return "", &hsm.Error{
			Class: hsm.Unsupported, Provider: Kind, Operation: "C_GenerateKey",
			Hint: "only an AES KEK with an object= label is made here: make RSA ones with the vendor's tool",
		}
	}
	m, err := openModule(ctx, u)
	if err != nil {
		return "", err
	}
	t := &token{module: m, uri: u, keyID: u.configured()}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	name, err := handOff(ctx, "C_GenerateKey", t.keyID, func() ([]byte, error) {
		if err := t.gate.Acquire(ctx, 1); err != nil {
			return nil, timeout("C_OpenSession", t.keyID, ctx.Err())
		}
		defer t.gate.Release(1)
		name, err := t.create(ctx)
		return []byte(name), err
	})
	return string(name), errors.Join(err, m.release(context.WithoutCancel(ctx)))
}

func (t *token) create(ctx context.Context) (string, error) {
	s, err := t.openLoggedIn(ctx)
	if err != nil {
		return "", err
	}
	defer t.closeSession(ctx, s)
	id := t.uri.id
	if len(id) == 0 {
		id = make([]byte, 16)
		_, _ = rand.Read(id) // never fails
	}
	if err := t.vacant(ctx, s, id); err != nil {
		return "", err
	}
	if err := t.generate(ctx, s, id); err != nil {
		return "", err
	}
	k, err := t.inspect(ctx, s)
	if err != nil {
		// It has wrapped nothing, so nothing is lost with it.
		gone := t.call(context.WithoutCancel(ctx), "C_DestroyObject", func() error { return t.ctx.DestroyObject(s.handle, s.key) })
		return "", errors.Join(err, gone)
	}
	return t.resolve(ctx, k)
}

// vacant returns an error if an object has the label or the id.
func (t *token) vacant(ctx context.Context, s *session, id []byte) error {
	for _, a := range []*p11.Attribute{p11.NewAttribute(p11.CKA_LABEL, t.uri.object), p11.NewAttribute(p11.CKA_ID, id)} {
		found, err := t.findObjects(ctx, s.handle, []*p11.Attribute{a})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return t.fail(hsm.Misconfigured, "C_GenerateKey", "the token has an object of that label or id already: choose another, nothing was changed")
		}
	}
	return nil
}

func (t *token) generate(ctx context.Context, s *session, id []byte) error {
	template := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_SECRET_KEY)),
		p11.NewAttribute(p11.CKA_KEY_TYPE, uint(p11.CKK_AES)),
		p11.NewAttribute(p11.CKA_VALUE_LEN, hsm.DataKeySize),
		p11.NewAttribute(p11.CKA_LABEL, t.uri.object),
		p11.NewAttribute(p11.CKA_ID, id),
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_SENSITIVE, true),
		p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_ENCRYPT, true),
		p11.NewAttribute(p11.CKA_DECRYPT, true),
		p11.NewAttribute(p11.CKA_WRAP, false),
		p11.NewAttribute(p11.CKA_UNWRAP, false),
	}
	mechanism := []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_GEN, nil)}
	return t.call(ctx, "C_GenerateKey", func() (err error) {
		s.key, err = t.ctx.GenerateKey(s.handle, mechanism, template)
		return err
	})
}

//go:build cgo && !windows

package pkcs11

import (
	"context"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// on calls f with a logged-in session of the device, as its administrator
// would.
func (d *device) on(f func(c *p11.Ctx, s p11.SessionHandle) error) {
	d.t.Helper()
	u, err := parseURI(d.uri("any"))
	if err != nil {
		d.t.Fatal(err)
	}
	m, err := openModule(context.Background(), u)
	if err != nil {
		d.t.Fatal(err)
	}
	k := &token{module: m, uri: u}
	s, err := k.openLoggedIn(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	if err := f(m.ctx, s.handle); err != nil {
		d.t.Fatal(err)
	}
	k.closeSession(context.Background(), s)
	if err := m.release(context.Background()); err != nil {
		d.t.Fatal(err)
	}
}

// attributes is a template that can be changed by one attribute at a time.
type attributes map[uint]any

func (a attributes) with(typ uint, value any) attributes {
	b := attributes{typ: value}
	for k, v := range a {
		if k != typ {
			b[k] = v
		}
	}
	return b
}

func (a attributes) template() (t []*p11.Attribute) {
	for typ, value := range a {
		t = append(t, p11.NewAttribute(typ, value))
	}
	return t
}

func secretKey(label string) attributes {
	return attributes{
		p11.CKA_TOKEN: true, p11.CKA_PRIVATE: true, p11.CKA_SENSITIVE: true, p11.CKA_EXTRACTABLE: false,
		p11.CKA_ENCRYPT: true, p11.CKA_DECRYPT: true, p11.CKA_LABEL: label,
	}
}

// generate makes a key of another kind than CreateKEK would.
func (d *device) generate(mechanism uint, a attributes) {
	d.t.Helper()
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		_, err := c.GenerateKey(s, []*p11.Mechanism{p11.NewMechanism(mechanism, nil)}, a.template())
		return err
	})
}

// imported stores an AES KEK whose value the test knows.
func (d *device) imported(label string, value []byte) {
	d.t.Helper()
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		a := secretKey(label).with(p11.CKA_CLASS, uint(p11.CKO_SECRET_KEY)).with(p11.CKA_KEY_TYPE, uint(p11.CKK_AES)).with(p11.CKA_VALUE, value)
		_, err := c.CreateObject(s, a.template())
		return err
	})
}

// keyPair makes an RSA KEK and returns a function that opens it.
func (d *device) keyPair(label string, bits int) func(testing.TB) hsm.Provider {
	d.t.Helper()
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		public := attributes{p11.CKA_TOKEN: true, p11.CKA_ENCRYPT: true, p11.CKA_MODULUS_BITS: bits, p11.CKA_PUBLIC_EXPONENT: []byte{1, 0, 1}, p11.CKA_LABEL: label}
		private := attributes{p11.CKA_TOKEN: true, p11.CKA_PRIVATE: true, p11.CKA_SENSITIVE: true, p11.CKA_EXTRACTABLE: false, p11.CKA_DECRYPT: true, p11.CKA_LABEL: label, p11.CKA_ID: []byte(label)}
		_, _, err := c.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)}, public.template(), private.template())
		return err
	})
	return func(t testing.TB) hsm.Provider {
		return open(t, d.uri(escape([]byte(label)), "&x-mechanism=rsa-oaep-sha256"))
	}
}

//go:build cgo && !windows

package pkcs11

import (
	"context"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// A kek is what the token reports about the KEK.
type kek struct {
	id, label []byte
	bits      int
	local     bool           // generated on the token
	public    *rsa.PublicKey // nil for AES
}

func (k *kek) spec() string {
	if k.public != nil {
		return fmt.Sprintf("RSA_%d", k.bits)
	}
	return fmt.Sprintf("AES_%d", k.bits)
}

// An expectation is an attribute value that every KEK must have.
type expectation struct {
	attribute uint
	name      string
	want      bool
	hint      string
}

var expectations = map[string][]expectation{
	mechAESGCM: {
		{p11.CKA_SENSITIVE, "CKA_SENSITIVE", true, "its value could be read in clear"},
		{p11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, "it could be taken out of the token"},
		{p11.CKA_ENCRYPT, "CKA_ENCRYPT", true, "it could not wrap"},
		{p11.CKA_DECRYPT, "CKA_DECRYPT", true, "it could not unwrap"},
	},
	mechRSAOAEP: {
		{p11.CKA_SENSITIVE, "CKA_SENSITIVE", true, "its value could be read in clear"},
		{p11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, "it could be taken out of the token"},
		{p11.CKA_DECRYPT, "CKA_DECRYPT", true, "it could not unwrap"},
	},
}

// inspect reads the KEK's attributes, and refuses a key that is unfit to be
// one.
func (t *token) inspect(ctx context.Context, s *session) (*kek, error) {
	if err := t.checkType(ctx, s); err != nil {
		return nil, err
	}
	for _, e := range expectations[t.uri.mechanism] {
		got, err := t.attribute(ctx, s, e.attribute, e.name)
		if err != nil {
			return nil, err
		}
		if boolean(got) != e.want {
			return nil, t.fail(hsm.Misconfigured, "C_GetAttributeValue", fmt.Sprintf("the KEK must have %s %t, or %s", e.name, e.want, e.hint))
		}
	}
	k := &kek{}
	// A token need not know these three.
	k.id, _ = t.attribute(ctx, s, p11.CKA_ID, "CKA_ID")
	k.label, _ = t.attribute(ctx, s, p11.CKA_LABEL, "CKA_LABEL")
	local, _ := t.attribute(ctx, s, p11.CKA_LOCAL, "CKA_LOCAL")
	k.local = boolean(local)
	if t.uri.mechanism == mechRSAOAEP {
		return k, t.inspectRSA(ctx, s, k)
	}
	return k, t.inspectAES(ctx, s, k)
}

func (t *token) checkType(ctx context.Context, s *session) error {
	want, name := uint64(p11.CKK_AES), "CKK_AES"
	if t.uri.mechanism == mechRSAOAEP {
		want, name = p11.CKK_RSA, "CKK_RSA"
	}
	got, err := t.attribute(ctx, s, p11.CKA_KEY_TYPE, "CKA_KEY_TYPE")
	if err != nil {
		return err
	}
	if ulong(got) != want {
		return t.fail(hsm.Misconfigured, "C_GetAttributeValue", "the KEK must have CKA_KEY_TYPE "+name+" for this x-mechanism")
	}
	return nil
}

func (t *token) inspectAES(ctx context.Context, s *session, k *kek) error {
	size, err := t.attribute(ctx, s, p11.CKA_VALUE_LEN, "CKA_VALUE_LEN")
	if err != nil {
		return err
	}
	k.bits = int(ulong(size)) * 8
	if k.bits != 256 {
		return t.fail(hsm.Misconfigured, "C_GetAttributeValue", "the KEK must have CKA_VALUE_LEN 32, for AES-256")
	}
	return nil
}

func (t *token) inspectRSA(ctx context.Context, s *session, k *kek) error {
	modulus, err := t.attribute(ctx, s, p11.CKA_MODULUS, "CKA_MODULUS")
	if err != nil {
		return err
	}
	exponent, err := t.attribute(ctx, s, p11.CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT")
	if err != nil {
		return err
	}
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	k.bits = n.BitLen()
	if k.bits < minRSABits || k.bits > maxRSABits || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
		return t.fail(hsm.Misconfigured, "C_GetAttributeValue", fmt.Sprintf("the KEK must have a CKA_MODULUS of %d to %d bits and a CKA_PUBLIC_EXPONENT below 2^31", minRSABits, maxRSABits))
	}
	k.public = &rsa.PublicKey{N: n, E: int(e.Int64())}
	return nil
}

// attribute reads one attribute: one at a time, so that an error can name it.
func (t *token) attribute(ctx context.Context, s *session, typ uint, name string) (value []byte, err error) {
	err = t.call(ctx, "C_GetAttributeValue", func() error {
		got, err := t.ctx.GetAttributeValue(s.handle, s.key, []*p11.Attribute{{Type: typ}})
		if err == nil && len(got) == 1 {
			value = got[0].Value
		}
		return err
	})
	if returned(err, p11.CKR_ATTRIBUTE_TYPE_INVALID) || returned(err, p11.CKR_ATTRIBUTE_SENSITIVE) {
		return nil, t.fail(hsm.Misconfigured, "C_GetAttributeValue", "the token does not tell the KEK's "+name+", which sealmesh must check")
	}
	return value, err
}

func boolean(b []byte) bool { return len(b) == 1 && b[0] != 0 }

func ulong(b []byte) uint64 {
	switch len(b) {
	case 8:
		return binary.NativeEndian.Uint64(b)
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	default:
		return 1<<64 - 1
	}
}

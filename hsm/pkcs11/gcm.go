//go:build cgo && !windows

package pkcs11

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"slices"

	"github.com/sealmesh/sealmesh/hsm"
)

// Forms of a wrapped data key: its first byte. They are permanent.
const (
	formGCM12 = 1 // IV 12, ciphertext 32, tag 16: AES-256-GCM
	formOAEP  = 2 // RSA-OAEP-SHA256 of the data key and the hash of its context
	formGCM16 = 3 // IV 16, ciphertext 32, tag 16: AES-256-GCM of devices that make longer IVs
)

const (
	ivSize     = 12
	longIVSize = 16
	tagSize    = 16
	sealedSize = hsm.DataKeySize + tagSize
)

// aadLabel separates our use of the KEK from others.
const aadLabel = "sealmesh/v1/pkcs11/aes-gcm"

func aad(ec hsm.EncryptionContext) []byte { return append([]byte(aadLabel), ec.Encoded()...) }

// wrapGCM encrypts key under a fresh IV, which the device or this process
// makes, as the profile says.
func (p *provider) wrapGCM(ctx context.Context, s *session, key, aad []byte) ([]byte, error) {
	sent := make([]byte, ivSize)
	if p.iv != deviceIV {
		_, _ = rand.Read(sent) // never fails
	}
	back := slices.Clone(sent)
	out := make([]byte, sealedSize+longIVSize+bufferSlack)
	n, err := p.crypt(ctx, "C_Encrypt", func() (int, bool, error) {
		return p.fn.encryptGCM(s.handle, s.key, back, aad, key, out)
	})
	if err != nil {
		return nil, err
	}
	iv, sealed, ok := p.iv.settle(sent, back, out[:n])
	if !ok {
		return nil, p.fail(hsm.Misconfigured, "C_Encrypt", "this library does not make the IV of AES-GCM as x-profile says it does: refused, since IVs might repeat")
	}
	form := byte(formGCM12)
	if len(iv) == longIVSize {
		form = formGCM16
	}
	return slices.Concat([]byte{form}, iv, sealed), nil
}

// settle returns the IV that the device used, and the ciphertext with its tag.
// It gets the IV as sent and as returned. ok is false if the device did not
// follow the policy.
func (iv ivPolicy) settle(sent, back, out []byte) (used, sealed []byte, ok bool) {
	unchanged := subtle.ConstantTimeCompare(sent, back) == 1
	switch {
	case iv == deviceIV:
		return back, out, !unchanged && len(out) == sealedSize
	case len(out) == sealedSize: // also of a device that appends, outside its FIPS mode
		return back, out, unchanged
	case iv == deviceAppends && (len(out) == sealedSize+ivSize || len(out) == sealedSize+longIVSize):
		return out[sealedSize:], out[:sealedSize], true
	default:
		return nil, nil, false
	}
}

// unwrapGCM is the inverse of wrapGCM.
func (p *provider) unwrapGCM(ctx context.Context, s *session, wrapped, aad []byte) ([]byte, error) {
	size := map[byte]int{formGCM12: ivSize, formGCM16: longIVSize}[wrapped[0]]
	iv, sealed := wrapped[1:1+size], wrapped[1+size:]
	return p.decrypt(ctx, hsm.DataKeySize, func(out []byte) (int, bool, error) {
		return p.fn.decryptGCM(s.handle, s.key, iv, aad, sealed, out)
	})
}

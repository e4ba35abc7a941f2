//go:build cgo && !windows

package pkcs11

import (
	"context"

	"github.com/sealmesh/sealmesh/hsm"
)

// minRSABits is the shortest RSA KEK (NIST SP 800-131A).
const minRSABits = 2048

// maxRSABits keeps a wrap within [hsm.MaxWrappedSize] and an operation within
// milliseconds.
const maxRSABits = 8192

// rsaLabel is in existing wraps: it must not change.
const rsaLabel hsm.RSALabel = "sealmesh/v1/pkcs11/rsa-oaep-sha256"

// wrapOAEP encrypts with the public key. It needs no device.
func (p *provider) wrapOAEP(key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	sealed, err := rsaLabel.Wrap(p.public, key, ec)
	if err != nil {
		return nil, &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Open", KeyID: p.keyID, Err: err, Hint: hintKey}
	}
	return append([]byte{formOAEP}, sealed...), nil
}

// unwrapOAEP is the inverse of wrapOAEP.
func (p *provider) unwrapOAEP(ctx context.Context, s *session, wrapped []byte, ec hsm.EncryptionContext) ([]byte, error) {
	plain, err := p.decrypt(ctx, hsm.RSAPlaintextSize, func(out []byte) (int, bool, error) {
		n, begun, err := p.fn.decryptOAEP(s.handle, s.key, wrapped[1:], out)
		if err == nil && !rsaLabel.Bound(out[:n], ec) {
			err = p.fail(hsm.Corrupt, "C_Decrypt", hsm.HintCorrupt)
		}
		return n, begun, err
	})
	if err != nil {
		return nil, err
	}
	return plain[:hsm.DataKeySize:hsm.DataKeySize], nil
}

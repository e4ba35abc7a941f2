//go:build cgo && !windows

package pkcs11

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/sealmesh/sealmesh/hsm"
)

// minRSABits is the shortest RSA KEK (NIST SP 800-131A).
const minRSABits = 2048

// maxRSABits keeps a wrap within [hsm.MaxWrappedSize] and the device busy for milliseconds.
const maxRSABits = 8192

// oaepLabel keeps the context hash apart from every other SHA-256.
const oaepLabel = "sealmesh/v1/pkcs11/rsa-oaep-sha256"

// wrapOAEP needs no device: the plaintext is the data key followed by the
// SHA-256 of label and context. The hash stands inside, not in OAEP's own label,
// since devices differ in what labels they allow.
func (p *provider) wrapOAEP(key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	plain := append(append(make([]byte, 0, hsm.DataKeySize+sha256.Size), key...), contextHash(ec)...)
	defer clear(plain)
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, p.public, plain, nil)
	if err != nil {
		return nil, &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Open", KeyID: p.keyID, Err: err, Hint: hintKey}
	}
	return append([]byte{formOAEP}, sealed...), nil
}

// unwrapOAEP is the inverse of wrapOAEP.
func (p *provider) unwrapOAEP(ctx context.Context, s *session, wrapped []byte, ec hsm.EncryptionContext) ([]byte, error) {
	plain, err := p.decrypt(ctx, hsm.DataKeySize+sha256.Size, func(out []byte) (int, bool, error) {
		n, begun, err := p.fn.decryptOAEP(s.handle, s.key, wrapped[1:], out)
		if err == nil && subtle.ConstantTimeCompare(out[min(n, hsm.DataKeySize):n], contextHash(ec)) != 1 {
			err = p.fail(hsm.Corrupt, "C_Decrypt", hintCorrupt)
		}
		return n, begun, err
	})
	if err != nil {
		return nil, err
	}
	return plain[:hsm.DataKeySize:hsm.DataKeySize], nil
}

func contextHash(ec hsm.EncryptionContext) []byte {
	sum := sha256.Sum256(append([]byte(oaepLabel), ec.Encoded()...))
	return sum[:]
}

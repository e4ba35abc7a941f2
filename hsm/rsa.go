package hsm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
)

// RSAPlaintextSize is the length in bytes of what is wrapped under an RSA KEK.
const RSAPlaintextSize = DataKeySize + sha256.Size

// An RSALabel binds the encryption context of wraps under RSA KEKs, for which no back
// end takes one: what is encrypted (RSAES-OAEP with SHA-256 for both, RFC 8017 §7.1) is
// the data key, and then the SHA-256 of label and canonical context. The hash stands
// inside, since services and devices do not let us set OAEP's own label.
//
// The label keeps that hash apart from every other one in sealmesh, and versions the
// layout. Each provider has its own, for ever.
type RSALabel string

// Wrap wraps key, of [DataKeySize] bytes. It needs nobody's leave and leaves no trace
// in an audit log: the key is public. So a wrap does not tell who made it, either.
func (l RSALabel) Wrap(public *rsa.PublicKey, key []byte, ec EncryptionContext) ([]byte, error) {
	hash := l.hash(ec)
	plaintext := append(append(make([]byte, 0, RSAPlaintextSize), key...), hash[:]...)
	defer clear(plaintext)
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, plaintext, nil)
}

// Bound reports, in constant time but for its length, whether plaintext was wrapped
// under ec: then its first [DataKeySize] bytes are the data key.
func (l RSALabel) Bound(plaintext []byte, ec EncryptionContext) bool {
	hash := l.hash(ec)
	return len(plaintext) == RSAPlaintextSize && subtle.ConstantTimeCompare(plaintext[DataKeySize:], hash[:]) == 1
}

func (l RSALabel) hash(ec EncryptionContext) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(l), ec.Encoded()...))
}

package hsm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
)

// RSAPlaintextSize is the length in bytes of the plaintext that an RSA KEK
// wraps.
const RSAPlaintextSize = DataKeySize + sha256.Size

// An RSALabel binds the encryption context to wraps by RSA KEKs, since no back
// end takes a context for RSA. The plaintext of RSAES-OAEP (RFC 8017 section
// 7.1, SHA-256 for hash and mask) is the data key followed by SHA-256(label ‖
// canonical context). The hash is in the plaintext, and not in OAEP's own
// label, because many services and devices allow no label.
//
// The label separates this hash from every other hash in sealmesh, and states
// the version of the layout. Each provider has its own label, which never
// changes.
type RSALabel string

// Wrap wraps key, which has [DataKeySize] bytes, with the public key. It makes
// no request, so it needs no permission and appears in no audit log. Anybody
// who knows the public key can make such a wrap.
func (l RSALabel) Wrap(public *rsa.PublicKey, key []byte, ec EncryptionContext) ([]byte, error) {
	hash := l.hash(ec)
	plaintext := append(append(make([]byte, 0, RSAPlaintextSize), key...), hash[:]...)
	defer clear(plaintext)
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, plaintext, nil)
}

// Bound reports whether plaintext was wrapped under ec: then its first
// [DataKeySize] bytes are the data key. The time depends only on the length of
// plaintext.
func (l RSALabel) Bound(plaintext []byte, ec EncryptionContext) bool {
	hash := l.hash(ec)
	return len(plaintext) == RSAPlaintextSize && subtle.ConstantTimeCompare(plaintext[DataKeySize:], hash[:]) == 1
}

func (l RSALabel) hash(ec EncryptionContext) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(l), ec.Encoded()...))
}

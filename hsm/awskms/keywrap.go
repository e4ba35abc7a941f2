package awskms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
)

// wrapRSAAES wraps b as RSA_AES_KEY_WRAP_SHA_256, PKCS #11's
// CKM_RSA_AES_KEY_WRAP: a new AES-256 key by RSAES-OAEP with SHA-256, and
// behind it b under that key.
func wrapRSAAES(public *rsa.PublicKey, b []byte) ([]byte, error) {
	key := make([]byte, 32)
	defer clear(key)
	rand.Read(key)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, key, nil)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return append(wrapped, wrapPadded(block, b)...), nil
}

// wrapPadded is AES key wrap with padding: RFC 5649, section 4.1. b is not
// empty.
func wrapPadded(block cipher.Block, b []byte) []byte {
	n := (len(b) + 7) / 8
	out := make([]byte, 8+8*n)
	binary.BigEndian.PutUint32(out, 0xa65959a6)
	binary.BigEndian.PutUint32(out[4:], uint32(len(b)))
	copy(out[8:], b)
	if n == 1 {
		block.Encrypt(out, out)
		return out
	}
	var x [16]byte
	copy(x[:8], out)
	for j := range 6 {
		for i := 1; i <= n; i++ {
			copy(x[8:], out[8*i:])
			block.Encrypt(x[:], x[:])
			copy(out[8*i:], x[8:])
			binary.BigEndian.PutUint64(x[:8], binary.BigEndian.Uint64(x[:8])^uint64(n*j+i))
		}
	}
	copy(out, x[:8])
	return out
}

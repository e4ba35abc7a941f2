package suite

import (
	"crypto/aes"
	"crypto/hkdf"
	"crypto/sha256"
	"runtime"
	"slices"
)

// newXAES returns suite 1: XAES-256-GCM as c2sp.org/XAES-256-GCM defines it. It
// derives subkeys by the SP 800-108r1 counter KDF over AES-CMAC. The input of
// each step is one block, so CMAC is one AES call on the input and K1.
func newXAES(key []byte) (Cipher, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k1 := cmacSubkey(c)
	return &prefixed{id: XAES256GCM, derive: func(p *prefix) ([]byte, error) {
		out := make([]byte, 2*blockSize)
		for i := range 2 {
			b := out[i*blockSize:][:blockSize]
			b[1], b[2] = byte(i+1), 'X' // counter, label; b[3] ends the label
			copy(b[4:], p[:])
			xor(b, k1[:])
			c.Encrypt(b, b)
		}
		return out, nil
	}}, nil
}

// newHKDF returns suite 2, which differs from suite 1 only in the derivation.
// HKDF takes the key itself each time, so the Cipher keeps a copy. The copy is
// cleared when the Cipher is garbage collected.
func newHKDF(key []byte) (Cipher, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	key = slices.Clone(key)
	c := &prefixed{id: HKDFAES256GCM, derive: func(p *prefix) ([]byte, error) {
		return hkdf.Key(sha256.New, key, p[:], labelHKDF, KeySize)
	}}
	runtime.AddCleanup(c, func(key []byte) { clear(key) }, key)
	return c, nil
}

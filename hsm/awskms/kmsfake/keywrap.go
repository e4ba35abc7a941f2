package kmsfake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

var errUnwrap = errors.New("not a wrapped key")

// unwrapPadded is AES key unwrap with padding: RFC 5649, section 4.2.
func unwrapPadded(key, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	n := len(wrapped)/8 - 1
	if len(wrapped)%8 != 0 || n < 1 {
		return nil, errUnwrap
	}
	plain := append([]byte(nil), wrapped...)
	if n == 1 {
		block.Decrypt(plain, plain)
	} else {
		unwrapBlocks(block, plain, n)
	}
	size := int(binary.BigEndian.Uint32(plain[4:8]))
	if subtle.ConstantTimeCompare(plain[:4], []byte{0xa6, 0x59, 0x59, 0xa6}) != 1 || size <= 8*(n-1) || size > 8*n {
		return nil, errUnwrap
	}
	for _, b := range plain[8+size:] {
		if b != 0 {
			return nil, errUnwrap
		}
	}
	return plain[8 : 8+size], nil
}

// unwrapBlocks undoes RFC 3394's W in place: an integrity block, then n others.
func unwrapBlocks(block cipher.Block, b []byte, n int) {
	var x [16]byte
	copy(x[:8], b)
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			t := binary.BigEndian.Uint64(x[:8]) ^ uint64(n*j+i)
			binary.BigEndian.PutUint64(x[:8], t)
			copy(x[8:], b[8*i:])
			block.Decrypt(x[:], x[:])
			copy(b[8*i:], x[8:])
		}
	}
	copy(b, x[:8])
}

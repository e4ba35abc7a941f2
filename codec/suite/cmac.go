package suite

import (
	"crypto/cipher"
	"crypto/subtle"
)

const blockSize = 16

type block [blockSize]byte

// double multiplies by x in GF(2^128), as RFC 4493 and RFC 5297 call dbl. It
// takes the same time for every input.
func (b *block) double() {
	carry := b[0] >> 7
	for i := range blockSize - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[blockSize-1] = b[blockSize-1]<<1 ^ carry*0x87
}

// xor adds src to the first bytes of dst.
func xor(dst, src []byte) { subtle.XORBytes(dst, dst[:len(src)], src) }

// cmacSubkey returns K1 of RFC 4493, which is added to a last block that is
// full.
func cmacSubkey(c cipher.Block) block {
	k1 := new(block)
	c.Encrypt(k1[:], k1[:])
	k1.double()
	return *k1
}

// A cmacKey is AES-CMAC (SP 800-38B, RFC 4493) under one key.
type cmacKey struct {
	cipher cipher.Block
	k1, k2 block
}

func newCMAC(c cipher.Block) cmacKey {
	m := cmacKey{cipher: c, k1: cmacSubkey(c)}
	m.k2 = m.k1
	m.k2.double()
	return m
}

// absorb chains full blocks into the state. The last block of the message is
// not among them.
func (m *cmacKey) absorb(state *block, p []byte) {
	for ; len(p) > 0; p = p[blockSize:] {
		subtle.XORBytes(state[:], state[:], p[:blockSize])
		m.cipher.Encrypt(state[:], state[:])
	}
}

// sum finishes the message whose last bytes are p. The state becomes the tag.
func (m *cmacKey) sum(state *block, p []byte) {
	n := max(len(p)-1, 0) / blockSize * blockSize
	m.absorb(state, p[:n])
	last := p[n:]
	xor(state[:], last)
	if len(last) == blockSize {
		xor(state[:], m.k1[:])
	} else {
		state[len(last)] ^= 0x80
		xor(state[:], m.k2[:])
	}
	m.cipher.Encrypt(state[:], state[:])
}

package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"slices"
	"sync"
)

// A siv is AES-SIV (RFC 5297) with one component of associated data. Equal
// plaintexts with equal associated data give equal payloads, and a payload
// reveals nothing else. It has no nonce that could be misused.
type siv struct {
	mac     cmacKey
	ctr     cipher.Block
	zero    block     // dbl(CMAC(0^128)), the start of every S2V
	scratch sync.Pool // of *sivScratch: arguments of a cipher.Block escape
}

// longPlaintext is the length in bytes from which the standard library's key
// stream is worth its allocation: it computes several blocks at once. The MAC
// cannot, since each block depends on the one before.
const longPlaintext = 2 << 10

type sivScratch struct {
	v, d      block
	ctr, mask block
	tail      [2 * blockSize]byte
}

// newDeterministic returns suite 3.
func newDeterministic(key []byte) (Cipher, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	keys, err := hkdf.Key(sha256.New, key, nil, labelSIV, 2*KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(keys)
	c, err := newSIV(keys)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// newSIV takes the double-length key of RFC 5297: first CMAC's, then CTR's.
func newSIV(keys []byte) (*siv, error) {
	half := len(keys) / 2
	mac, err := aes.NewCipher(keys[:half])
	if err != nil {
		return nil, err
	}
	ctr, err := aes.NewCipher(keys[half:])
	if err != nil {
		return nil, err
	}
	c := &siv{mac: newCMAC(mac), ctr: ctr}
	c.scratch.New = func() any { return new(sivScratch) }
	s := new(sivScratch)
	c.mac.sum(&s.v, s.d[:])
	s.v.double()
	c.zero = s.v
	return c, nil
}

func (c *siv) Suite() ID { return AES256SIV }

func (c *siv) Seal(dst, plaintext, aad []byte) ([]byte, error) {
	if uint64(len(plaintext)) > maxPlaintext {
		return nil, errTooLong
	}
	dst, err := grow(dst, blockSize+len(plaintext), plaintext, aad)
	if err != nil {
		return nil, err
	}
	s := c.scratch.Get().(*sivScratch)
	defer c.release(s)
	c.s2v(s, plaintext, aad)
	dst = append(dst, s.v[:]...)
	n := len(dst)
	dst = dst[:n+len(plaintext)]
	c.xorKeyStream(s, dst[n:], plaintext, s.v[:])
	return dst, nil
}

func (c *siv) Open(dst, payload, aad []byte) ([]byte, error) {
	if len(payload) < blockSize || uint64(len(payload)-blockSize) > maxPlaintext {
		return nil, ErrOpen
	}
	s := c.scratch.Get().(*sivScratch)
	defer c.release(s)
	tag, ciphertext := payload[:blockSize], payload[blockSize:]
	n := len(dst)
	dst = slices.Grow(dst, len(ciphertext))[:n+len(ciphertext)]
	c.xorKeyStream(s, dst[n:], ciphertext, tag)
	c.s2v(s, dst[n:], aad)
	if subtle.ConstantTimeCompare(s.v[:], tag) != 1 {
		clear(dst[n:])
		return nil, ErrOpen
	}
	return dst, nil
}

func (c *siv) release(s *sivScratch) {
	*s = sivScratch{} // key stream and plaintext do not outlive the call
	c.scratch.Put(s)
}

// s2v leaves S2V(aad, plaintext) of RFC 5297 §2.4 in s.v.
func (c *siv) s2v(s *sivScratch, plaintext, aad []byte) {
	s.d = block{}
	c.mac.sum(&s.d, aad)
	xor(s.d[:], c.zero[:])
	s.v = block{}
	if len(plaintext) < blockSize {
		s.d.double()
		s.tail = [2 * blockSize]byte{}
		copy(s.tail[:], plaintext)
		s.tail[len(plaintext)] = 0x80
		xor(s.tail[:], s.d[:])
		c.mac.sum(&s.v, s.tail[:blockSize])
		return
	}
	// xorend: D is added to the last 16 bytes, which may span two blocks.
	head := (len(plaintext) - blockSize) / blockSize * blockSize
	c.mac.absorb(&s.v, plaintext[:head])
	n := copy(s.tail[:], plaintext[head:])
	xor(s.tail[n-blockSize:], s.d[:])
	c.mac.sum(&s.v, s.tail[:n])
}

// xorKeyStream is AES-CTR that starts at tag with bits 63 and 31 cleared. RFC
// 5297 §2.5 clears them so that no carry leaves the last 32 bits.
func (c *siv) xorKeyStream(s *sivScratch, dst, src, tag []byte) {
	copy(s.ctr[:], tag)
	s.ctr[8] &= 0x7f
	s.ctr[12] &= 0x7f
	if len(src) >= longPlaintext {
		cipher.NewCTR(c.ctr, s.ctr[:]).XORKeyStream(dst, src)
		return
	}
	for n := binary.BigEndian.Uint32(s.ctr[12:]); len(src) > 0; n++ {
		binary.BigEndian.PutUint32(s.ctr[12:], n)
		c.ctr.Encrypt(s.mask[:], s.ctr[:])
		k := subtle.XORBytes(dst, src, s.mask[:])
		dst, src = dst[k:], src[k:]
	}
}

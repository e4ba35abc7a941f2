package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync/atomic"
)

const (
	prefixSize       = 12
	nonceSize        = 12
	tagSize          = 16
	prefixedOverhead = prefixSize + nonceSize + tagSize

	// SP 800-38D allows 2^32 random nonces under one key. With half of that, two
	// nonces are equal with probability 2^-35, and counts may be claimed in
	// blocks. Values of 1 MiB then have 2^47 blocks, where GCM's distance from
	// ideal is 2^-35 too.
	maxPrefixedMessages = 1 << 31

	foreignSlots = 64
)

type prefix [prefixSize]byte

// A subkey is the AEAD of one prefix.
type subkey struct {
	prefix prefix
	aead   cipher.AEAD
}

// A prefixed cipher seals with AES-256-GCM under a subkey that is derived from
// the data key and a random prefix, so that many processes may share a data
// key.
//
// The Cipher draws its prefix and makes the key schedule once, when it first
// seals. In return nonces must be unique per prefix: this is why MaxMessages
// exists. XAES-256-GCM with a fresh 24-byte nonce per message would allow 2^80
// messages.
//
// Two Ciphers share a prefix with probability 2^-96, or when a process image is
// duplicated (VM snapshot, checkpoint). Nonces come from crypto/rand, which
// asks the kernel for each message. So copies draw different nonces if the
// kernel reseeds after a restore (VM generation id), but together they use up
// one MaxMessages. Restart the process after a restore.
type prefixed struct {
	id     ID
	derive func(*prefix) ([]byte, error) // 32 bytes, which the caller clears
	own    atomic.Pointer[subkey]
	// Subkeys of prefixes that other Ciphers drew, by the low bits of the prefix;
	// nil until needed. Only an authentic payload fills a slot, so nobody without
	// the data key can fill the table or evict from it.
	foreign atomic.Pointer[[foreignSlots]atomic.Pointer[subkey]]
}

func (c *prefixed) Suite() ID { return c.id }

func (c *prefixed) Seal(dst, plaintext, aad []byte) ([]byte, error) {
	if uint64(len(plaintext)) > maxPlaintext {
		return nil, errTooLong
	}
	k := c.own.Load()
	if k == nil {
		var err error
		if k, err = c.begin(); err != nil {
			return nil, err
		}
	}
	dst, err := grow(dst, prefixedOverhead+len(plaintext), plaintext, aad)
	if err != nil {
		return nil, err
	}
	dst = append(dst, k.prefix[:]...)
	return k.aead.Seal(dst, nil, plaintext, aad), nil
}

func (c *prefixed) Open(dst, payload, aad []byte) ([]byte, error) {
	if len(payload) < prefixedOverhead {
		return nil, ErrOpen
	}
	p := prefix(payload[:prefixSize])
	k := c.find(p)
	known := k != nil
	if !known {
		var err error
		if k, err = c.subkey(p); err != nil {
			return nil, ErrOpen
		}
	}
	// GCM clears what it wrote when the tag does not match.
	out, err := k.aead.Open(dst, nil, payload[prefixSize:], aad)
	if err != nil {
		return nil, ErrOpen
	}
	if !known {
		c.keep(k)
	}
	return out, nil
}

// begin draws the prefix under which this Cipher seals.
func (c *prefixed) begin() (*subkey, error) {
	var p prefix
	rand.Read(p[:]) // never fails: it ends the process instead
	k, err := c.subkey(p)
	if err != nil {
		return nil, err
	}
	if !c.own.CompareAndSwap(nil, k) {
		return c.own.Load(), nil
	}
	return k, nil
}

func (c *prefixed) subkey(p prefix) (k *subkey, err error) {
	erase(func() { k, err = c.deriveSubkey(p) })
	return k, err
}

func (c *prefixed) deriveSubkey(p prefix) (*subkey, error) {
	key, err := c.derive(&p)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &subkey{prefix: p, aead: aead}, nil
}

func (c *prefixed) find(p prefix) *subkey {
	if k := c.own.Load(); k != nil && k.prefix == p {
		return k
	}
	if t := c.foreign.Load(); t != nil {
		if k := t[p[0]%foreignSlots].Load(); k != nil && k.prefix == p {
			return k
		}
	}
	return nil
}

func (c *prefixed) keep(k *subkey) {
	t := c.foreign.Load()
	if t == nil {
		c.foreign.CompareAndSwap(nil, new([foreignSlots]atomic.Pointer[subkey]))
		t = c.foreign.Load()
	}
	t[k.prefix[0]%foreignSlots].Store(k)
}

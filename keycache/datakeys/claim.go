package datakeys

import (
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// Blocks in which sessions claim uses and bytes. The first block is small
// because most sessions seal a few values; each further one is twice as large.
const (
	firstBlock = 16
	lastBlock  = 1024
	bytesBlock = 64 << 10
)

// A Claim is a session's right to seal so many values, and so many bytes, under
// one data key by one suite. Its zero value covers nothing. Not safe for
// concurrent use.
type Claim struct {
	d           *DataKey
	c           *Cipher
	sealer      *envelope.Sealer
	uses, bytes uint64 // left
	block       uint64 // uses taken last
}

// A Taken is the result of [Claim.Take].
type Taken uint8

// The results of [Claim.Take].
const (
	Granted  Taken = iota
	WornOut        // the cipher has sealed enough: verify the data key, which replaces the cipher
	KeySpent       // the data key has sealed enough, or has ended: make a successor
)

// Key returns the data key of the claim.
func (c *Claim) Key() *DataKey { return c.d }

// Covers reports whether the claim is enough for one more value of n bytes, and
// its data key still serves.
func (c *Claim) Covers(n uint64, now time.Duration) bool {
	return c.uses > 0 && c.bytes >= n && c.d.Serves(now) && now < c.d.retireAt
}

// Take takes a block of d's budgets for a value of n bytes. Release the claim
// before. Unless the result is Granted, it has taken nothing.
func (c *Claim) Take(d *DataKey, id suite.ID, n uint64) (Taken, error) {
	cipher := d.Cipher(id)
	if cipher == nil {
		return spent(d), nil
	}
	c.block = min(max(2*c.block, firstBlock), lastBlock)
	uses := d.uses.claim(1, c.block)
	if uses == 0 {
		return spent(d), nil
	}
	messages := cipher.messages.claim(1, uses)
	d.uses.giveBack(uses - messages)
	if messages == 0 {
		return WornOut, nil
	}
	bytes := d.bytes.claim(n, max(n, bytesBlock))
	if bytes < n {
		cipher.messages.giveBack(messages)
		d.uses.giveBack(messages)
		return spent(d), nil
	}
	c.d, c.c, c.uses, c.bytes = d, cipher, messages, bytes
	var err error
	c.sealer, err = cipher.sealer(d)
	return Granted, err
}

func spent(d *DataKey) Taken {
	d.spent.Store(true)
	return KeySpent
}

// Seal appends the envelope of a value to dst. The claim covers the value.
func (c *Claim) Seal(dst []byte, kind codec.Kind, value, fieldContext []byte) ([]byte, error) {
	out, err := c.sealer.Seal(dst, kind, value, fieldContext)
	c.uses--
	c.bytes -= uint64(len(value))
	return out, err
}

// Release gives back what was not used.
func (c *Claim) Release() {
	if c.d == nil {
		return
	}
	c.d.uses.giveBack(c.uses)
	c.c.messages.giveBack(c.uses)
	c.d.bytes.giveBack(c.bytes)
	*c = Claim{block: c.block}
}

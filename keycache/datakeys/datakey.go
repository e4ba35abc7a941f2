package datakeys

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// suiteSlots is one more than the highest suite number.
const suiteSlots = int(suite.AES256SIV) + 1

// prefixAge is how long one prefix of a cipher is used; see
// suite.Suite.MaxMessages for how often.
const prefixAge = 24 * time.Hour

// A DataKey is one unwrapped data key: ciphers, never bytes. Its exported
// fields do not change.
type DataKey struct {
	ID      envelope.KeyID
	Record  envelope.Record
	Encoded []byte   // Record in binary
	Sum     [32]byte // SHA-256 of Encoded
	Validity
	Lease

	set       *Set
	reference []byte // what envelopes carry: Encoded, or nil where the id is enough
	ciphers   [suiteSlots]atomic.Pointer[Cipher]

	// Verification, see life.go.
	mu        sync.Mutex
	timer     *time.Timer
	attempted time.Duration // when the KMS was asked last
	failures  int           // in a row
	dead      bool

	place    *list.Element // in the LRU; guarded by its mutex, as is placedAt
	placedAt int64
}

// A Cipher seals and opens values under one data key, by one suite.
type Cipher struct {
	cipher   suite.Cipher
	born     time.Duration
	messages budget
	sealing  atomic.Pointer[envelope.Sealer] // made when the cipher first seals
}

// New makes the ciphers of a data key whose commitment matches the record's,
// and for which the KMS was asked at that moment. The data key may seal for
// age. Its caller may still change its [Lease] before others see it, and
// destroys the secret.
func (s *Set) New(secret *hsm.Secret, r envelope.Record, asked, age time.Duration) (*DataKey, error) {
	d := &DataKey{set: s, ID: r.KeyID(), Record: r, Encoded: envelope.AppendRecord(nil, r)}
	d.Sum = sha256.Sum256(d.Encoded)
	now := s.Now()
	if s.Pinned {
		d.Lease.never(now)
	} else {
		d.Lease.begin(now, age, s.Rotate)
		d.reference = d.Encoded
	}
	if err := d.makeCiphers(secret, now); err != nil {
		return nil, err
	}
	d.lastUse.Store(int64(asked))
	d.verified(asked)
	return d, nil
}

// ByID makes envelopes carry the id of d alone, and not its record. Call it
// before d seals.
func (d *DataKey) ByID() { d.reference = nil }

// makeCiphers makes the ciphers that are missing, or have sealed enough. The
// deterministic suite shows equality, so only a pinned key, which was made for
// that, gets a cipher of it.
func (d *DataKey) makeCiphers(secret *hsm.Secret, now time.Duration) (err error) {
	secret.Expose(func(b []byte) {
		for s := range suite.All() {
			if s.Deterministic && !d.set.Pinned || d.set.Approved && !s.Approved || !d.Cipher(s.ID).worn(now, d.set.Soft) {
				continue
			}
			c := &Cipher{born: now, messages: budget{limit: s.MaxMessages}}
			if c.cipher, err = s.New(b); err != nil {
				return
			}
			d.ciphers[s.ID].Store(c)
		}
	})
	return err
}

func (d *DataKey) dropCiphers() {
	for i := range d.ciphers {
		d.ciphers[i].Store(nil)
	}
}

// Cipher returns the cipher of a suite, or nil if there is none.
func (d *DataKey) Cipher(id suite.ID) *Cipher { return d.ciphers[id].Load() }

// worn reports whether c must be replaced before the next chance comes, which
// is when the data key is verified again. A cipher that does not exist is worn.
func (c *Cipher) worn(now, soft time.Duration) bool {
	if c == nil {
		return true
	}
	used := c.messages.used.Load()
	return used > 0 && (used > c.messages.limit/2 || now-c.born > prefixAge-soft)
}

// Open appends to dst the value that payload seals, as [envelope.Open] does.
func (c *Cipher) Open(dst, buf []byte, h envelope.Header, payload, fieldContext []byte) (out, scratch []byte, err error) {
	return envelope.Open(dst, buf, h, c.cipher, payload, fieldContext)
}

// sealer returns what seals with c under d, which is in use: its reference
// stays.
func (c *Cipher) sealer(d *DataKey) (*envelope.Sealer, error) {
	if s := c.sealing.Load(); s != nil {
		return s, nil
	}
	s, err := envelope.NewSealer(envelope.Header{Suite: c.cipher.Suite(), KeyID: d.ID, Record: d.reference}, c.cipher)
	if err == nil {
		c.sealing.Store(s)
	}
	return s, err
}

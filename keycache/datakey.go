package keycache

import (
	"container/list"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// suiteSlots is one more than the highest suite number.
const suiteSlots = int(suite.AES256SIV) + 1

// A dataKey is one unwrapped data key: ciphers, never bytes. What may be done
// with it is a matter of atomics alone, so that a hit takes no lock.
type dataKey struct {
	terms      *terms
	id         envelope.KeyID
	commitment [32]byte
	record     []byte // binary
	wraps      []envelope.Wrap
	sum        [32]byte // SHA-256 of record
	reference  []byte   // what envelopes carry: record, or nil for a pinned key

	ciphers [suiteSlots]atomic.Pointer[cipher]

	// Lifecycle, see life.go. Moments are durations since the cache was made.
	freshUntil atomic.Int64 // the soft TTL; 0 when dead
	deadAt     atomic.Int64 // the hard TTL; 0 when dead
	lastUse    atomic.Int64
	standing   atomicStanding // what the KMS has said since it vouched: whether d serves past soft

	mu        sync.Mutex
	timer     *time.Timer
	attempted time.Duration // when the KMS was asked last
	failures  int           // in a row
	dead      bool

	// For sealing; constant but for the budgets.
	born, aheadAt, retireAt time.Duration
	uses, bytes             budget
	spent                   atomic.Bool // a claim of either failed
	from                    place       // in the store

	place    *list.Element // in the LRU; guarded by its mutex, as is placedAt
	placedAt int64
}

// A cipher is a suite.Cipher and how many messages it has sealed.
type cipher struct {
	suite.Cipher
	born     time.Duration
	messages budget
	sealing  atomic.Pointer[envelope.Sealer] // made when it first seals
}

// sealer returns what seals with c under d, which is in use: its reference stays.
func (c *cipher) sealer(d *dataKey) (*envelope.Sealer, error) {
	if s := c.sealing.Load(); s != nil {
		return s, nil
	}
	s, err := envelope.NewSealer(envelope.Header{Suite: c.Suite(), KeyID: d.id, Record: d.reference}, c.Cipher)
	if err == nil {
		c.sealing.Store(s)
	}
	return s, err
}

// newDataKey makes the ciphers of a data key whose commitment has been checked,
// and for which the KMS was asked at that moment.
func (k *key) newDataKey(secret *hsm.Secret, r envelope.Record, asked time.Duration) (*dataKey, error) {
	d := &dataKey{terms: &k.terms, id: r.KeyID(), commitment: r.Commitment, wraps: r.Wraps}
	d.record = envelope.AppendRecord(nil, r)
	d.sum = sha256.Sum256(d.record)
	now := k.shared.now()
	d.born, d.retireAt = now, now+k.rotate.Age
	if k.keks.Degraded(d.wraps) {
		d.retireAt = now + min(k.rotate.Age, degradedAge)
	}
	d.uses.limit, d.bytes.limit = k.rotate.Uses, k.rotate.Bytes
	d.reference = d.record
	if d.terms.pinned {
		d.reference = nil
		d.retireAt, d.uses.limit, d.bytes.limit = math.MaxInt64, math.MaxUint64, math.MaxUint64
	}
	d.aheadAt = d.born + time.Duration(float64(d.retireAt-d.born)*(aheadShare-0.05*rand.Float64()))
	if err := d.makeCiphers(secret, now); err != nil {
		return nil, err
	}
	d.lastUse.Store(int64(asked))
	d.verified(asked)
	return d, nil
}

// recordOf returns the record of d.
func (d *dataKey) recordOf() envelope.Record {
	return envelope.Record{Commitment: d.commitment, Wraps: d.wraps}
}

// makeCiphers makes those that are missing or have sealed enough. The
// deterministic suite shows equality, so only a pinned key, which somebody made
// for it, ever gets one.
func (d *dataKey) makeCiphers(secret *hsm.Secret, now time.Duration) (err error) {
	secret.Expose(func(b []byte) {
		for s := range suite.All() {
			if s.Deterministic && !d.terms.pinned || d.terms.approved && !s.Approved || !d.ciphers[s.ID].Load().due(now, d.terms.soft) {
				continue
			}
			c := &cipher{born: now, messages: budget{limit: s.MaxMessages}}
			if c.Cipher, err = s.New(b); err != nil {
				return
			}
			d.ciphers[s.ID].Store(c)
		}
	})
	return err
}

// due reports whether c must be replaced before the next chance comes, which is
// when the key is verified again.
func (c *cipher) due(now, soft time.Duration) bool {
	if c == nil {
		return true
	}
	used := c.messages.used.Load()
	return used > 0 && (used > c.messages.limit/2 || now-c.born > prefixAge-soft)
}

// cipher returns the cipher of a suite, nil when there is none.
func (d *dataKey) cipher(id suite.ID) *cipher { return d.ciphers[id].Load() }

// fresh reports whether d is within its soft TTL.
func (d *dataKey) fresh(now time.Duration) bool { return int64(now) < d.freshUntil.Load() }

// usable reports whether d is within its hard TTL.
func (d *dataKey) usable(now time.Duration) bool { return int64(now) < d.deadAt.Load() }

// serves reports whether d may be used now without asking anybody.
func (d *dataKey) serves(now time.Duration) bool {
	return d.fresh(now) || d.standing.load() == unanswered && d.usable(now)
}

// touch notes a use.
func (d *dataKey) touch(now time.Duration) {
	if int64(now)-d.lastUse.Load() >= int64(useGrain) {
		d.lastUse.Store(int64(now))
	}
}

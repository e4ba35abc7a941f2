package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

// A Store keeps wrapped-key records: by slot, for those who seal, and by id of
// their data key, for those who open. A record is never removed, and what never changes of it
// is which data key it holds: only [Store.Replace] gives it other wraps.
//
// Every implementation passes storetest.Run. All methods are safe for concurrent
// use, by many processes too, honour ctx, and return the errors below or others that
// wrap what went wrong; an error that is none of them is an outage, worth another try.
type Store interface {
	// Claim puts r into the slot unless another record is there, and returns the one
	// that is there then: of any number of claims of one slot, by any number of
	// processes, the first wins and all return its record. When Claim returns, that
	// record is durable and [Store.Get] finds it. r must pass [envelope.Record.Check], and be of
	// a data key that no other slot holds.
	Claim(ctx context.Context, slot Slot, r envelope.Record) (envelope.Record, error)

	// Find returns the record of the data key in the slot, as Get does.
	Find(ctx context.Context, slot Slot) (envelope.Record, error)

	// Get returns the record of the data key of that id. The caller proves, once it
	// is unwrapped, that the data key matches the record's commitment.
	Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error)

	// Put keeps r by id and in no slot, unless a record of that id is there, and
	// returns the one that is there then, as durable as after Claim. It may be of another
	// data key, with the same half of a commitment: the caller compares.
	Put(ctx context.Context, r envelope.Record) (envelope.Record, error)

	// Replace puts next in the place of old, which is of the same data key, if old is what is there,
	// and returns what is there then: next, durably, or what another process put there
	// meanwhile. Whoever reads at any moment, of a crash too, finds one of them whole.
	Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error)

	// All yields every record that was there when it began, by id and once, and maybe
	// some that came since. One that is damaged is yielded as [ErrCorrupt], and the rest
	// follows; after any other error nothing does.
	All(ctx context.Context) iter.Seq2[envelope.Record, error]

	io.Closer
}

// Errors of a [Store], for callers to test.
var (
	// ErrNotFound: there is no such record. The answer is current, never that of
	// a replica that lags.
	ErrNotFound = errors.New("no such record in the store")
	// ErrCorrupt: what is there is no record, or not the one it should be.
	ErrCorrupt = errors.New("the store holds something else in the record's place")
	// ErrMisconfigured: only an operator can mend it: no such folder or table, or no permission.
	ErrMisconfigured = errors.New("the store is not set up")
)

// MaxRecord is the length in bytes of the longest record in a store, as binary.
const MaxRecord = envelope.MaxInline

// A Slot is the place for one data key that all writers of a key share for a
// time. It is a hash: names and contexts do not show in a store.
type Slot [sha256.Size]byte

// A Scope is what writers have in common that share data keys: the key's name, the
// context bound to its data keys, and the KEKs that wrap them. A writer with
// another KEK never meets a record that it cannot unwrap, or that others should no longer read.
type Scope struct {
	Key     string
	Context []byte // hsm.EncryptionContext.Encoded
	KEKs    []byte // references, five bytes each: kind, short reference
}

// Slot returns the slot of a scope for the epoch that begins at that time, in whole
// seconds, and the generation: 0, and one more for each data key of the epoch that
// was used up before its end. The order of KEKs does not count.
func (s Scope) Slot(epoch time.Time, generation uint64) Slot {
	refs := slices.SortedFunc(slices.Chunk(s.KEKs, kekRef), slices.Compare)
	b := []byte("sealmesh/v1/slot")
	for _, part := range [][]byte{[]byte(s.Key), s.Context, slices.Concat(refs...)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(epoch.Unix()))
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, generation))
}

const kekRef = 5

// Encode returns the binary form of r, for an implementation to keep. It fails
// where a data key so stored would be lost.
func Encode(r envelope.Record) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	b := envelope.AppendRecord(nil, r)
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("store: a record of %d bytes, at most %d", len(b), MaxRecord)
	}
	return b, nil
}

// EncodeBoth is Encode for [Store.Replace].
func EncodeBoth(old, next envelope.Record) (a, b []byte, err error) {
	if old.Commitment != next.Commitment {
		return nil, nil, errors.New("store: a record gives way to another of the same data key only")
	}
	if a, err = Encode(old); err != nil {
		return nil, nil, err
	}
	b, err = Encode(next)
	return a, b, err
}

// Decode is the inverse of Encode. The record does not alias b. Errors are [ErrCorrupt].
func Decode(b []byte) (envelope.Record, error) {
	if len(b) > MaxRecord {
		return envelope.Record{}, fmt.Errorf("%w: %d bytes, at most %d", ErrCorrupt, len(b), MaxRecord)
	}
	r, err := envelope.ParseRecord(slices.Clone(b))
	if err != nil {
		return envelope.Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return r, nil
}

// DecodeFor is Decode for a record that was asked for by its data key's id.
func DecodeFor(id envelope.KeyID, b []byte) (envelope.Record, error) {
	r, err := Decode(b)
	if err != nil {
		return r, err
	}
	if r.KeyID() != id {
		return envelope.Record{}, fmt.Errorf("%w: the record of another data key", ErrCorrupt)
	}
	return r, nil
}

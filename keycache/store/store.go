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

// A Store keeps wrapped-key records: by slot, for processes that seal, and by
// the id of the data key, for processes that open. Records are never removed.
// The data key of a record never changes; only [Store.Replace] changes its
// wraps.
//
// Every implementation passes storetest.Run. All methods are safe for
// concurrent use, also by many processes, and honour ctx. They return the
// errors below or errors that wrap the cause. Any other error means an outage
// and is worth a retry.
type Store interface {
	// Claim puts r into the slot unless the slot has a record, and returns the
	// record of the slot. If several processes claim one slot, the first one
	// wins and all get its record. When Claim returns, that record is durable
	// and [Store.Get] finds it. r must pass [envelope.Record.Check], and no
	// other slot may hold its data key.
	Claim(ctx context.Context, slot Slot, r envelope.Record) (envelope.Record, error)

	// Find returns the record of the data key in the slot, as Get does.
	Find(ctx context.Context, slot Slot) (envelope.Record, error)

	// Get returns the record of the data key with that id. The caller unwraps
	// the data key and checks that it matches the commitment of the record.
	Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error)

	// Put stores r by id, without a slot, unless a record with that id exists.
	// It returns the existing record, or r, as durable as after Claim. The
	// existing record may be of another data key with the same half of a
	// commitment: the caller compares.
	Put(ctx context.Context, r envelope.Record) (envelope.Record, error)

	// Replace replaces old by next, a record of the same data key, if old is
	// the current record. It returns the current record: next, durably, or what
	// another process has put there. At any moment, also of a crash, readers
	// find one of them whole.
	Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error)

	// All yields every record that existed when it began, once each, by id. It
	// may yield newer ones. For a damaged record it yields [ErrCorrupt] and
	// continues. It ends after any other error.
	All(ctx context.Context) iter.Seq2[envelope.Record, error]

	io.Closer
}

// Errors of a [Store], for errors.Is.
var (
	// ErrNotFound: there is no such record. The answer is current, never from a
	// replica that lags.
	ErrNotFound = errors.New("no such record in the store")
	// ErrCorrupt: the bytes are no record, or not the requested one.
	ErrCorrupt = errors.New("the store holds something else in the record's place")
	// ErrMisconfigured: only an operator can fix the store: no such folder or
	// table, or no permission.
	ErrMisconfigured = errors.New("the store is not set up")
)

// MaxRecord is the length of the longest record in a store, in bytes of the
// binary form.
const MaxRecord = envelope.MaxInline

// A Slot is the place for the data key that all writers of a key share for a
// time. It is a hash, so that names and contexts do not appear in a store.
type Slot [sha256.Size]byte

// A Scope is what writers must have in common to share data keys: the name of
// the key, the context bound to its data keys, and the KEKs that wrap them. So
// a writer with another KEK never meets a record that it cannot unwrap or that
// others should no longer read.
type Scope struct {
	Key     string
	Context []byte // hsm.EncryptionContext.Encoded
	KEKs    []byte // references, five bytes each: kind, short reference
}

// Slot returns the slot of a scope. The epoch begins at that time, in whole
// seconds. The generation is 0, and one more for each data key of the epoch
// that was used up early. The order of KEKs does not matter.
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

// Encode returns the binary form of r for an implementation to store. It fails
// if the record could not be read again.
func Encode(r envelope.Record) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	b := envelope.AppendRecord(nil, r)
	if len(b) > MaxRecord {
		return nil, fmt.Errorf("store: the record has %d bytes, at most %d fit", len(b), MaxRecord)
	}
	return b, nil
}

// EncodeBoth is Encode for the records of [Store.Replace].
func EncodeBoth(old, next envelope.Record) (a, b []byte, err error) {
	if old.Commitment != next.Commitment {
		return nil, nil, errors.New("store: a record can only be replaced by a record of the same data key")
	}
	if a, err = Encode(old); err != nil {
		return nil, nil, err
	}
	b, err = Encode(next)
	return a, b, err
}

// Decode is the inverse of Encode. The record does not alias b. Every error is
// an [ErrCorrupt].
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

// DecodeFor is Decode for a record that was looked up by the id of its data
// key.
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

package envelope

import (
	"errors"
	"fmt"
)

// RecordPrefix starts the text form of a record outside an envelope.
const RecordPrefix = "smk1."

// Limits of a record.
const (
	MaxWraps   = 8    // per record
	MaxWrapped = 6144 // bytes of one wrapped data key: the longest that AWS KMS returns
)

const (
	recordVersion = 1
	recordHeadLen = 1 + 32 + 1
	wrapHeadLen   = 1 + 4
)

// A Record is a wrapped-key record: one data key, wrapped by one or more KEKs.
type Record struct {
	Commitment [32]byte
	Wraps      []Wrap
}

// A Wrap is one data key wrapped by one KEK.
type Wrap struct {
	ProviderID uint8   // permanent number of the provider; see hsm/builtin
	KEK        [4]byte // short reference of the KEK
	Wrapped    []byte
}

// KeyID returns the id of the data key: the first half of its commitment.
func (r Record) KeyID() KeyID { return KeyID(r.Commitment[:16]) }

// Check returns an error if r has no binary form: if it has no wrap, too many
// wraps, a wrap that is empty or too long, or two wraps by one KEK.
func (r Record) Check() error {
	if len(r.Wraps) == 0 || len(r.Wraps) > MaxWraps {
		return fmt.Errorf("a wrapped-key record has 1 to %d wraps, not %d", MaxWraps, len(r.Wraps))
	}
	for i, w := range r.Wraps {
		if len(w.Wrapped) == 0 || len(w.Wrapped) > MaxWrapped {
			return fmt.Errorf("a wrapped data key has 1 to %d bytes, not %d", MaxWrapped, len(w.Wrapped))
		}
		for _, v := range r.Wraps[:i] {
			if v.ProviderID == w.ProviderID && v.KEK == w.KEK {
				return errors.New("two wraps of a wrapped-key record are by one KEK")
			}
		}
	}
	return nil
}

// AppendRecord appends the binary form of r to dst. It panics when
// [Record.Check] fails: the data key would be lost.
func AppendRecord(dst []byte, r Record) []byte {
	if err := r.Check(); err != nil {
		panic("envelope: append record: " + err.Error())
	}
	dst = append(dst, recordVersion)
	dst = append(dst, r.Commitment[:]...)
	dst = append(dst, byte(len(r.Wraps)))
	for _, w := range r.Wraps {
		dst = append(dst, w.ProviderID)
		dst = append(dst, w.KEK[:]...)
		dst = appendString(dst, w.Wrapped)
	}
	return dst
}

// ParseRecord parses the binary form of a record. It accepts only what
// AppendRecord writes. The wraps of the result alias b.
func ParseRecord(b []byte) (Record, error) {
	if len(b) > 0 && b[0] > recordVersion {
		return Record{}, ErrFutureVersion
	}
	if len(b) < recordHeadLen || b[0] != recordVersion {
		return Record{}, ErrMalformed
	}
	r := Record{Commitment: [32]byte(b[1:]), Wraps: make([]Wrap, b[recordHeadLen-1])}
	b = b[recordHeadLen:]
	for i := range r.Wraps {
		if len(b) < wrapHeadLen {
			return Record{}, ErrMalformed
		}
		w := Wrap{ProviderID: b[0], KEK: [4]byte(b[1:])}
		var ok bool
		if w.Wrapped, b, ok = cutString(b[wrapHeadLen:]); !ok {
			return Record{}, ErrMalformed
		}
		r.Wraps[i] = w
	}
	if len(b) > 0 || r.Check() != nil {
		return Record{}, ErrMalformed
	}
	return r, nil
}

// AppendRecordText appends to dst the text form of a record, for files and for
// a pinned key in a policy. It panics when [Record.Check] fails.
func AppendRecordText(dst []byte, r Record) []byte {
	dst = append(dst, RecordPrefix...)
	return encoding.AppendEncode(dst, AppendRecord(nil, r))
}

// ParseRecordText parses the text form of a record. The caller trims the text
// of a file first.
func ParseRecordText(text []byte) (Record, error) {
	body, err := version1(text, RecordPrefix)
	if err != nil {
		return Record{}, err
	}
	bin, ok := decode(nil, body)
	if !ok {
		return Record{}, ErrMalformed
	}
	return ParseRecord(bin)
}

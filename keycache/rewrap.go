package keycache

import (
	"context"
	"errors"
	"fmt"
	"slices"

	lru2 "github.com/hashicorp/golang-lru/v2"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// rewrappedRecords is how many data keys a Rewrapper remembers, so that each
// costs its calls once.
const rewrappedRecords = 100_000

// A Form is how an envelope refers to its data key.
type Form uint8

const (
	AnyForm Form = iota // as it is
	Inline              // by the record, in the envelope
	ByID                // by id: the record is in the key's store
)

// RewrapOptions say what a run does besides wrapping by the KEKs that a key names.
type RewrapOptions struct {
	Drop  []string // URIs of KEKs that still unwrap, but are not to wrap any more
	Renew bool     // have every KEK wrap again, by its newest version
}

// A Rewrapper replaces the wrapped-key records of envelopes: their data keys are
// unwrapped by a KEK of the key that can, and wrapped by those that the key names now.
// It moves records between envelopes and the key's store too. No value is opened, and no
// ciphertext changes. Not safe for concurrent use.
type Rewrapper struct {
	cache   *Cache
	key     *key
	targets []*keks.KEK  // of the key, but for those that are dropped
	dropped []*keks.KEK  // of the key
	peers   []*Rewrapper // of the keys that may own the same records; itself among them
	to      Form
	renewal bool
	done    *lru2.Cache[[32]byte, renewed]                // by commitment
	fetched *lru2.Cache[envelope.KeyID, *envelope.Record] // what the store has; nil where it has none
	counted *lru2.Cache[[32]byte, struct{}]               // whose calls Survey has counted
	buf     []byte
}

// A renewed is the new record of a data key.
type renewed struct {
	wraps  []envelope.Wrap
	record []byte // binary, all of it
}

// Rewrapper returns one for the key of that name, whose envelopes take the form to.
func (c *Cache) Rewrapper(name string, to Form, o RewrapOptions) (*Rewrapper, error) {
	k := c.keys[name]
	switch {
	case k == nil:
		return nil, fmt.Errorf("rewrap: no key %q", name)
	case to != AnyForm && k.Pinned != nil:
		return nil, fmt.Errorf("rewrap: the record of key %q is in the policy: its envelopes stay by id, since equal values must stay equal", name)
	case to != AnyForm && k.Store == nil:
		return nil, fmt.Errorf("rewrap: key %q has no store: add one to the key, as store: dir:PATH", name)
	}
	for _, uri := range o.Drop {
		if !k.names(uri) {
			return nil, fmt.Errorf("rewrap: key %q has no KEK %s", name, uri)
		}
	}
	return c.rewrapper(k, k.called(o.Drop), to, o.Renew)
}

// called returns the KEKs of k that have one of those URIs.
func (k *key) called(uris []string) (found []*keks.KEK) {
	for _, kk := range k.KEKs.All() {
		if slices.Contains(uris, kk.URI) {
			found = append(found, kk)
		}
	}
	return found
}

func (c *Cache) rewrapper(k *key, drop []*keks.KEK, to Form, renewal bool) (*Rewrapper, error) {
	r := &Rewrapper{cache: c, key: k, to: to, renewal: renewal}
	r.peers = []*Rewrapper{r}
	for _, kk := range k.KEKs.KEKs {
		if hasKEK(drop, kk) {
			r.dropped = append(r.dropped, kk)
		} else {
			r.targets = append(r.targets, kk)
		}
	}
	for _, kk := range k.KEKs.Former {
		if hasKEK(drop, kk) {
			r.dropped = append(r.dropped, kk)
		}
	}
	if len(r.targets) == 0 {
		return nil, fmt.Errorf("rewrap: key %q would have no KEK left", k.Name)
	}
	var errs [3]error
	r.done, errs[0] = lru2.New[[32]byte, renewed](rewrappedRecords)
	r.fetched, errs[1] = lru2.New[envelope.KeyID, *envelope.Record](rewrappedRecords)
	r.counted, errs[2] = lru2.New[[32]byte, struct{}](rewrappedRecords)
	return r, errors.Join(errs[:]...)
}

// names reports whether k has a KEK of that URI.
func (k *key) names(uri string) bool {
	return slices.ContainsFunc(k.KEKs.All(), func(kk *keks.KEK) bool { return kk.URI == uri })
}

// A Wrapping is what an envelope's record says, against what the key asks for.
type Wrapping uint8

const (
	Current   Wrapping = iota // by the key's KEKs and no dropped one, and in its place: nothing to do
	Outdated                  // some KEK of the key can unwrap it, and its record is to change, or its place
	Unrelated                 // no KEK of the key wrapped it
	Elsewhere                 // by id, and its record is not at hand: in a store or the policy, under the KEKs that it has
)

func (r *Rewrapper) look(wraps []envelope.Wrap) Wrapping {
	if len(r.key.KEKs.Candidates(wraps)) == 0 {
		return Unrelated
	}
	if r.renewal {
		return Outdated
	}
	targets, dropped := r.wants(wraps)
	for _, kk := range targets {
		if kk.WrapIn(wraps) == nil {
			return Outdated
		}
	}
	if slices.ContainsFunc(dropped, func(kk *keks.KEK) bool { return kk.WrapIn(wraps) != nil }) {
		return Outdated
	}
	return Current
}

// A parsed is an envelope with its record, from wherever it is.
type parsed struct {
	envelope.Header
	payload []byte
	record  *envelope.Record
	what    Wrapping
}

// read parses an envelope, and finds out what is to become of it. The result
// is valid until the next call.
func (r *Rewrapper) read(ctx context.Context, text []byte) (p parsed, err error) {
	if p.Header, p.payload, r.buf, err = envelope.Parse(r.buf, text); err != nil {
		return p, err
	}
	if err := r.cache.checkSuite(p.Suite); err != nil {
		return p, &Error{Reason: SuiteUnapproved, Key: r.key.Name, Err: err}
	}
	if p.record, err = r.recordOf(ctx, &p.Header); err != nil {
		return p, err
	}
	if p.record == nil {
		p.what = Elsewhere
		return p, nil
	}
	p.what = r.look(p.record.Wraps)
	if p.what == Current && (r.to == Inline && p.Record == nil || r.to == ByID && p.Record != nil) {
		p.what = Outdated
	}
	return p, nil
}

// recordOf returns the record of h: its own, or the store's, where that is asked for.
func (r *Rewrapper) recordOf(ctx context.Context, h *envelope.Header) (*envelope.Record, error) {
	if h.Record == nil {
		if r.to != Inline {
			return nil, nil
		}
		return r.fetch(ctx, h.KeyID)
	}
	record, err := envelope.ParseRecord(h.Record)
	if err == nil && record.KeyID() != h.KeyID {
		err = source.ErrRecord
	}
	return &record, err
}

// Rewrap appends the envelope to dst with its new record, or as it is where there
// is nothing to do. It records one key use for each data key. Errors are *Error, but for
// an envelope that does not parse.
func (r *Rewrapper) Rewrap(ctx context.Context, dst, text []byte) ([]byte, Wrapping, error) {
	p, err := r.read(ctx, text)
	if err != nil {
		return dst, Current, err
	}
	if p.what != Outdated {
		return append(dst, text...), p.what, nil
	}
	fresh, ok := r.done.Get(p.record.Commitment)
	if !ok || len(kept(p.record.Wraps, fresh.wraps, r.dropped)) > 0 {
		record, err := r.use(ctx, p.record, r.place)
		if err != nil {
			return dst, p.what, err
		}
		fresh = renewed{record.Wraps, envelope.AppendRecord(nil, record)}
		r.done.Add(p.record.Commitment, fresh)
	}
	if p.Record = fresh.record; r.to == ByID {
		p.Record = nil
	}
	return envelope.Append(dst, p.Header, p.payload), p.what, nil
}

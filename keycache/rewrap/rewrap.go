// Package rewrap gives data keys new wraps: in the records of envelopes, and in
// those of record stores. A data key is unwrapped by a KEK of its key that can,
// and wrapped by the KEKs that the key names now. No value is opened, and no
// ciphertext changes. Each data key costs its calls once, and is recorded as
// one key use.
//
// A [Rewrapper] reads envelopes. It also moves records from envelopes to the
// key's store, and back. A [StoreRewrapper] reads the records of a store.
package rewrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	lru2 "github.com/hashicorp/golang-lru/v2"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
)

// rememberedKeys is how many data keys a Rewrapper remembers, so that each
// costs its calls once.
const rememberedKeys = 100_000

// A KeyReference is how an envelope refers to its data key.
type KeyReference uint8

// The key references.
const (
	AsIs   KeyReference = iota // as it does
	Inline                     // by the record, in the envelope
	ByID                       // by id: the record is in the key's store
)

// Options say what a run does besides wrapping by the KEKs that a key names.
type Options struct {
	Drop  []string // URIs of KEKs that still unwrap, but whose wraps are to go
	Renew bool     // let every KEK wrap again, by its newest version
}

// A Rewrapper replaces the records of envelopes of one key. Not safe for
// concurrent use.
type Rewrapper struct {
	cache   *keycache.Cache
	key     *source.Source
	targets []*keks.KEK  // of the key, but for those that are dropped
	dropped []*keks.KEK  // of the key
	peers   []*Rewrapper // of the keys that may own the same records; itself among them
	to      KeyReference
	renewal bool
	done    *lru2.Cache[[32]byte, renewed]                // by commitment
	fetched *lru2.Cache[envelope.KeyID, *envelope.Record] // what the store has; nil where it has nothing
	counted *lru2.Cache[[32]byte, struct{}]               // data keys whose calls Survey has counted
	buf     []byte
}

// A renewed is the new record of a data key.
type renewed struct {
	wraps  []envelope.Wrap
	record []byte // binary, all of it
}

// New returns a Rewrapper for the key of that name, which makes its envelopes
// refer to their data keys by to.
func New(c *keycache.Cache, name string, to KeyReference, o Options) (*Rewrapper, error) {
	k := c.Source(name)
	switch {
	case k == nil:
		return nil, fmt.Errorf("rewrap: no key %q", name)
	case to != AsIs && k.Pinned != nil:
		return nil, fmt.Errorf("rewrap: the record of key %q is in the policy: its envelopes stay by id, since equal values must stay equal", name)
	case to != AsIs && k.Store == nil:
		return nil, fmt.Errorf("rewrap: key %q has no store: add one to the key, as store: dir:PATH", name)
	}
	for _, uri := range o.Drop {
		if !names(k, uri) {
			return nil, fmt.Errorf("rewrap: key %q has no KEK %s", name, uri)
		}
	}
	return newRewrapper(c, k, called(k, o.Drop), to, o.Renew)
}

func newRewrapper(c *keycache.Cache, k *source.Source, drop []*keks.KEK, to KeyReference, renewal bool) (*Rewrapper, error) {
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
	r.done, errs[0] = lru2.New[[32]byte, renewed](rememberedKeys)
	r.fetched, errs[1] = lru2.New[envelope.KeyID, *envelope.Record](rememberedKeys)
	r.counted, errs[2] = lru2.New[[32]byte, struct{}](rememberedKeys)
	return r, errors.Join(errs[:]...)
}

// A Status says whether the wraps of a record match the KEKs of its key.
type Status uint8

// The statuses.
const (
	Current   Status = iota // wrapped by the key's KEKs and no dropped one, and in its place: nothing to do
	Outdated                // some KEK of the key can unwrap it, and its record or its place is to change
	Unrelated               // no KEK of the key wrapped it
	Elsewhere               // by id, and its record is not at hand: it stays in a store or in the policy as it is
)

func (r *Rewrapper) status(wraps []envelope.Wrap) Status {
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

// A parsed is an envelope with its record, from wherever that is.
type parsed struct {
	envelope.Header
	payload []byte
	record  *envelope.Record
	status  Status
}

// read parses an envelope, and says what becomes of it. The result is valid
// until the next call.
func (r *Rewrapper) read(ctx context.Context, text []byte) (p parsed, err error) {
	if p.Header, p.payload, r.buf, err = envelope.Parse(r.buf, text); err != nil {
		return p, err
	}
	if err := r.cache.CheckSuite(r.key.Name, p.Suite); err != nil {
		return p, err
	}
	if p.record, err = r.recordOf(ctx, &p.Header); err != nil {
		return p, err
	}
	if p.record == nil {
		p.status = Elsewhere
		return p, nil
	}
	p.status = r.status(p.record.Wraps)
	if p.status == Current && (r.to == Inline && p.Record == nil || r.to == ByID && p.Record != nil) {
		p.status = Outdated
	}
	return p, nil
}

// recordOf returns the record of h: its own, or that of the store if envelopes
// are to be inline. It returns nil where there is none.
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

// Rewrap appends the envelope to dst with its new record, or as it is if there
// is nothing to do. It records one key use for each data key. Errors are
// *keycache.Error, but for an envelope that does not parse.
func (r *Rewrapper) Rewrap(ctx context.Context, dst, text []byte) ([]byte, Status, error) {
	p, err := r.read(ctx, text)
	if err != nil {
		return dst, Current, err
	}
	if p.status != Outdated {
		return append(dst, text...), p.status, nil
	}
	fresh, ok := r.done.Get(p.record.Commitment)
	if !ok || len(kept(p.record.Wraps, fresh.wraps, r.dropped)) > 0 {
		record, err := r.renewAndUse(ctx, p.record, r.place)
		if err != nil {
			return dst, p.status, err
		}
		fresh = renewed{record.Wraps, envelope.AppendRecord(nil, record)}
		r.done.Add(p.record.Commitment, fresh)
	}
	if p.Record = fresh.record; r.to == ByID {
		p.Record = nil
	}
	return envelope.Append(dst, p.Header, p.payload), p.status, nil
}

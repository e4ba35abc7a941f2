package keycache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A StoreRewrapper does for the records in a store what a [Rewrapper] does for
// those in envelopes. Processes that use the store go on meanwhile. A run that is stopped,
// even killed, is begun again: what it did needs nothing more. Not safe for concurrent use,
// but several may be at one store.
type StoreRewrapper struct {
	store store.Store
	keys  []*Rewrapper // that keep records there, by name
}

// StoreRewrappers returns one for each store of the keys. A KEK that is dropped is dropped
// from every key that has it.
func (c *Cache) StoreRewrappers(o RewrapOptions) ([]*StoreRewrapper, error) {
	var all []*StoreRewrapper
	dropped, err := c.dropped(o.Drop)
	if err != nil {
		return nil, err
	}
	for _, k := range c.sorted() {
		if k.Store == nil {
			continue
		}
		r, err := c.rewrapper(k, dropped, AnyForm, o.Renew)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(w *StoreRewrapper) bool { return w.store == k.Store.Store })
		if i < 0 {
			i, all = len(all), append(all, &StoreRewrapper{store: k.Store.Store})
		}
		all[i].add(r)
	}
	if len(all) == 0 {
		return nil, errors.New("rewrap: no key of the policy has a store")
	}
	return all, nil
}

// dropped returns the KEKs of those URIs that keys with a store have.
func (c *Cache) dropped(uris []string) (found []*keks.KEK, err error) {
	for _, uri := range uris {
		known := false
		for _, k := range c.keys {
			if k.Store != nil && k.names(uri) {
				known, found = true, addKEKs(found, k.called([]string{uri}))
			}
		}
		if !known {
			return nil, fmt.Errorf("rewrap: no key with a store has the KEK %s: a run knows its wraps only while the policy names it", uri)
		}
	}
	return found, nil
}

// add adds a key that keeps records in the store. Keys of one key context may own
// each other's records.
func (w *StoreRewrapper) add(r *Rewrapper) {
	for _, other := range w.keys {
		if other.key.KEKs.SameContext(r.key.KEKs) {
			other.peers, r.peers = append(other.peers, r), append(r.peers, other)
		}
	}
	w.keys = append(w.keys, r)
}

// Keys returns the names of the keys that keep records in the store.
func (w *StoreRewrapper) Keys() []string {
	var names []string
	for _, r := range w.keys {
		names = append(names, r.key.Name)
	}
	return names
}

// Records yields every record in the store, as [store.Store.All] does. Errors are *hsm.Error;
// after one that is hsm.Corrupt, which is of one record, the rest follows.
func (w *StoreRewrapper) Records(ctx context.Context) iter.Seq2[envelope.Record, error] {
	return func(yield func(envelope.Record, error) bool) {
		for r, err := range w.store.All(ctx) {
			if !yield(r, source.StoreError("scan", err)) {
				return
			}
		}
	}
}

// Survey says what Rewrap would find and do. A record does not say which key it is of: where several
// have KEKs that wrapped it, the first that would change it counts.
func (w *StoreRewrapper) Survey(record envelope.Record) Survey {
	s := Survey{What: Unrelated, Other: len(record.Wraps)}
	for _, r := range w.keys {
		switch what := r.look(record.Wraps); {
		case what == Outdated:
			return r.survey(&record, what)
		case what == Current && s.What == Unrelated:
			s = r.survey(&record, what)
		}
	}
	return s
}

// replaceTries is how often a record is read and renewed that others change meanwhile.
const replaceTries = 5

// Rewrap puts a renewed record in the place of one that is outdated, after its use
// is recorded. Errors are *Error.
func (w *StoreRewrapper) Rewrap(ctx context.Context, record envelope.Record) (Wrapping, error) {
	for range replaceTries {
		what := w.Survey(record).What
		if what != Outdated {
			return what, nil
		}
		r, fresh, err := w.renew(ctx, record)
		if err != nil {
			return what, err
		}
		if equal(fresh, record) {
			return Current, nil // of a key that it is right for
		}
		there, err := r.key.Store.Replace(ctx, record, fresh)
		if err != nil {
			return what, &Error{Reason: reasonToOpen(err), Key: r.key.Name, Err: err}
		}
		if equal(there, fresh) {
			return what, nil
		}
		record = there
	}
	return Outdated, &Error{Reason: KeyUnavailable, Key: w.keys[0].key.Name, Err: errBusy}
}

var errBusy = &hsm.Error{Class: hsm.Unavailable, Provider: "store", Operation: "replace", Err: errors.New("others change the record all the time: let one rewrap run at a time")}

// renew finds the key that a record is of, by trying: only that one's context unwraps it.
func (w *StoreRewrapper) renew(ctx context.Context, record envelope.Record) (*Rewrapper, envelope.Record, error) {
	var last error
	for _, r := range w.keys {
		if r.look(record.Wraps) == Unrelated {
			continue
		}
		fresh, err := r.use(ctx, &record, func(context.Context, envelope.Record) error { return nil })
		if err == nil {
			return r, fresh, nil
		}
		if last = err; hsm.ClassOf(err) != hsm.Corrupt {
			break
		}
	}
	return nil, envelope.Record{}, last
}

// equal reports whether two records are the same, byte by byte.
func equal(a, b envelope.Record) bool {
	return bytes.Equal(envelope.AppendRecord(nil, a), envelope.AppendRecord(nil, b))
}

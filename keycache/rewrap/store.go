package rewrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keks"
	"github.com/sealmesh/sealmesh/keycache/source"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// A StoreRewrapper does for the records in a store what a [Rewrapper] does for
// those in envelopes. Processes that use the store continue meanwhile. A run
// that is stopped, even killed, is started again: what it did needs nothing
// more. Not safe for concurrent use, but several runs may work on one store.
type StoreRewrapper struct {
	store store.Store
	keys  []*Rewrapper // that keep records there, by name
}

// Stores returns one StoreRewrapper for each store of the keys. A KEK that is
// dropped is dropped from every key that has it.
func Stores(c *keycache.Cache, o Options) ([]*StoreRewrapper, error) {
	keys := slices.DeleteFunc(c.Sources(), func(k *source.Source) bool { return k.Store == nil })
	if len(keys) == 0 {
		return nil, errors.New("rewrap: no key of the policy has a store")
	}
	drop, err := calledAnywhere(keys, o.Drop)
	if err != nil {
		return nil, err
	}
	var all []*StoreRewrapper
	for _, k := range keys {
		r, err := newRewrapper(c, k, drop, AsIs, o.Renew)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(w *StoreRewrapper) bool { return w.store == k.Store.Store })
		if i < 0 {
			i, all = len(all), append(all, &StoreRewrapper{store: k.Store.Store})
		}
		all[i].add(r)
	}
	return all, nil
}

// calledAnywhere returns the KEKs of those URIs that any of keys has.
func calledAnywhere(keys []*source.Source, uris []string) (found []*keks.KEK, err error) {
	for _, uri := range uris {
		known := false
		for _, k := range keys {
			if names(k, uri) {
				known, found = true, addKEKs(found, called(k, []string{uri}))
			}
		}
		if !known {
			return nil, fmt.Errorf("rewrap: no key with a store has the KEK %s: a run knows its wraps only while the policy names it", uri)
		}
	}
	return found, nil
}

// add adds a key that keeps records in the store. Keys of one key context may
// own each other's records.
func (w *StoreRewrapper) add(r *Rewrapper) {
	for _, other := range w.keys {
		if other.key.KEKs.Context.Equal(r.key.KEKs.Context) {
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

// Records yields every record in the store, as [store.Store.All] does. Errors
// are *hsm.Error. After an error of class hsm.Corrupt, which is of one record,
// the rest follows.
func (w *StoreRewrapper) Records(ctx context.Context) iter.Seq2[envelope.Record, error] {
	return func(yield func(envelope.Record, error) bool) {
		for r, err := range w.store.All(ctx) {
			if !yield(r, source.StoreError("scan", err)) {
				return
			}
		}
	}
}

// Survey says what Rewrap would find and do. A record does not say which key
// owns it: if KEKs of several keys wrapped it, the first key that would change
// it counts.
func (w *StoreRewrapper) Survey(record envelope.Record) Survey {
	s := Survey{Status: Unrelated, Other: len(record.Wraps)}
	for _, r := range w.keys {
		switch status := r.status(record.Wraps); {
		case status == Outdated:
			return r.survey(&record, status)
		case status == Current && s.Status == Unrelated:
			s = r.survey(&record, status)
		}
	}
	return s
}

// replaceTries is how often a record is read and renewed that others change
// meanwhile.
const replaceTries = 5

// Rewrap replaces a record that is outdated by a renewed one, after its use is
// recorded. Errors are *keycache.Error.
func (w *StoreRewrapper) Rewrap(ctx context.Context, record envelope.Record) (Status, error) {
	for range replaceTries {
		status := w.Survey(record).Status
		if status != Outdated {
			return status, nil
		}
		r, fresh, err := w.renew(ctx, record)
		if err != nil {
			return status, err
		}
		if equal(fresh, record) {
			return Current, nil // another key owns it, and it is right for that key
		}
		there, err := r.key.Store.Replace(ctx, record, fresh)
		if err != nil {
			return status, keycache.OpenError(r.key.Name, err)
		}
		if equal(there, fresh) {
			return status, nil
		}
		record = there
	}
	return Outdated, keycache.OpenError(w.keys[0].key.Name, errBusy)
}

var errBusy = &hsm.Error{Class: hsm.Unavailable, Provider: "store", Operation: "replace",
	Err: errors.New("others change the record all the time: let one rewrap run at a time")}

// renew finds the key that owns a record by trying: only that key's context
// unwraps it.
func (w *StoreRewrapper) renew(ctx context.Context, record envelope.Record) (*Rewrapper, envelope.Record, error) {
	var last error
	for _, r := range w.keys {
		if r.status(record.Wraps) == Unrelated {
			continue
		}
		fresh, err := r.renewAndUse(ctx, &record, func(context.Context, envelope.Record) error { return nil })
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

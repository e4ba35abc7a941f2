package dir

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// Replace implements [store.Store]. A file system cannot compare and rename in
// one step, so replacing processes take a lock. Readers and claims need no
// lock: they never change an existing file.
func (d *Dir) Replace(ctx context.Context, old, next envelope.Record) (envelope.Record, error) {
	want, _, err := store.EncodeBoth(old, next)
	if err != nil {
		return envelope.Record{}, err
	}
	return d.do(ctx, "replace", func() (envelope.Record, error) {
		unlock, err := lock(ctx, filepath.Join(d.path, keysDir))
		if err != nil {
			return envelope.Record{}, err
		}
		defer unlock()
		there, err := d.get(ctx, old.KeyID())
		if err != nil || !bytes.Equal(envelope.AppendRecord(nil, there), want) {
			return there, err
		}
		return next, d.overwrite(next)
	})
}

// overwrite replaces the existing record of the data key by r.
func (d *Dir) overwrite(r envelope.Record) error {
	keys := filepath.Join(d.path, keysDir)
	name, err := prepare(keys, r)
	if err != nil {
		return err
	}
	if err := os.Rename(name, d.keyPath(r.KeyID())); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return syncDir(keys)
}

// All implements [store.Store]. It reads all names first: the listing of a
// changing folder may omit some.
func (d *Dir) All(ctx context.Context) iter.Seq2[envelope.Record, error] {
	return func(yield func(envelope.Record, error) bool) {
		files, err := os.ReadDir(filepath.Join(d.path, keysDir))
		if err != nil {
			yield(envelope.Record{}, classify("scan", err))
			return
		}
		for _, f := range files {
			id, err := hex.DecodeString(f.Name())
			if err != nil || len(id) != len(envelope.KeyID{}) {
				continue // a temporary or foreign file
			}
			r, err := d.get(ctx, envelope.KeyID(id))
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed in the meantime: a claim that lost
			}
			if err = classify("scan", err); !yield(r, err) || err != nil && !errors.Is(err, store.ErrCorrupt) {
				return
			}
		}
	}
}

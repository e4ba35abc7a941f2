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

// Replace implements [store.Store]. To compare and to rename is not one step of a
// file system: those who replace take turns. Readers and claims need no turn,
// since neither ever touches what is there.
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

// overwrite puts r in the place of the record that is there.
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

// All implements [store.Store]. It reads all names first: in a folder that
// changes, a listing that is under way may leave some out.
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
				continue // temporary, or no file of ours
			}
			r, err := d.get(ctx, envelope.KeyID(id))
			if errors.Is(err, fs.ErrNotExist) {
				continue // the record of a claim that lost, taken back meanwhile
			}
			if err = classify("scan", err); !yield(r, err) || err != nil && !errors.Is(err, store.ErrCorrupt) {
				return
			}
		}
	}
}

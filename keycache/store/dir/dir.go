// Package dir keeps wrapped-key records in a folder: the embedded store, for
// the processes of one host. Do not use it on a network file system that lacks
// exclusive links or fsync.
//
//	DIR/keys/<id>      one record: its text form, and a line with its SHA-256
//	DIR/slots/<slot>   a link to the original record: the data key of the slot
//
// A file is written to a temporary name, synced, and then linked or renamed
// over the file that it replaces. Files are never changed. So a crash leaves
// whole records, and at worst a temporary file. A record is in keys before it
// is in a slot, and the one in keys counts. Files have mode 0600 and folders
// 0700, although a record opens nothing without its KEK.
package dir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

const (
	keysDir  = "keys"
	slotsDir = "slots"
	// temporary is the prefix of files that are being written. A file older
	// than abandoned was left by a dead process.
	temporary = ".new-"
	abandoned = time.Hour
)

// A Dir is a [store.Store] in a folder.
type Dir struct{ path string }

var _ store.Store = (*Dir)(nil)

// Open opens the store in the folder path. It makes the folder if it does not
// exist; the parent must exist.
func Open(path string) (*Dir, error) {
	d := &Dir{path: path}
	for _, p := range []string{path, filepath.Join(path, keysDir), filepath.Join(path, slotsDir)} {
		if err := makeDir(p); err != nil {
			return nil, classify("open", err)
		}
	}
	if err := d.sweep(); err != nil {
		return nil, classify("open", err)
	}
	return d, nil
}

// makeDir makes a folder, or checks the one that exists.
func makeDir(path string) error {
	if err := os.Mkdir(path, 0o700); err == nil {
		return syncDir(filepath.Dir(path))
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder: %w", path, store.ErrMisconfigured)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others: run chmod 700 on it: %w", path, store.ErrMisconfigured)
	}
	return nil
}

// sweep removes temporary files of dead processes.
func (d *Dir) sweep() error {
	keys := filepath.Join(d.path, keysDir)
	left, err := filepath.Glob(filepath.Join(keys, temporary+"*"))
	if err != nil {
		return err
	}
	for _, name := range left {
		info, err := os.Lstat(name)
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue // removed in the meantime, or not abandoned
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Claim implements [store.Store].
func (d *Dir) Claim(ctx context.Context, slot store.Slot, r envelope.Record) (envelope.Record, error) {
	return d.do(ctx, "claim", func() (envelope.Record, error) {
		if got, err := d.find(ctx, slot); !errors.Is(err, fs.ErrNotExist) {
			return got, err
		}
		key := d.keyPath(r.KeyID())
		ours, err := d.write(key, r)
		if err == nil && !ours { // an earlier record, maybe with other wraps
			r, err = d.get(ctx, r.KeyID())
		}
		if err != nil {
			return envelope.Record{}, err
		}
		err = os.Link(key, d.slotPath(slot))
		if errors.Is(err, fs.ErrExist) {
			return d.lost(ctx, slot, key, ours)
		}
		if err == nil {
			err = syncDir(filepath.Join(d.path, slotsDir))
		}
		return r, err
	})
}

// lost returns the record of the winner. It removes the record of this claim if
// the claim wrote it: nothing was sealed under it.
func (d *Dir) lost(ctx context.Context, slot store.Slot, key string, ours bool) (envelope.Record, error) {
	winner, err := d.find(ctx, slot)
	if err == nil && ours {
		err = os.Remove(key)
	}
	return winner, err
}

// Find implements [store.Store].
func (d *Dir) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	return d.do(ctx, "find", func() (envelope.Record, error) { return d.find(ctx, slot) })
}

func (d *Dir) find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	r, err := load(ctx, d.slotPath(slot))
	if err != nil {
		return envelope.Record{}, err
	}
	r, err = d.get(ctx, r.KeyID())
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: the data key of the slot has no record", store.ErrCorrupt)
	}
	return r, err
}

// Get implements [store.Store].
func (d *Dir) Get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	return d.do(ctx, "get", func() (envelope.Record, error) { return d.get(ctx, id) })
}

func (d *Dir) get(ctx context.Context, id envelope.KeyID) (envelope.Record, error) {
	r, err := load(ctx, d.keyPath(id))
	if err == nil && r.KeyID() != id {
		return envelope.Record{}, fmt.Errorf("%w: the record of another data key", store.ErrCorrupt)
	}
	return r, err
}

// Put implements [store.Store].
func (d *Dir) Put(ctx context.Context, r envelope.Record) (envelope.Record, error) {
	return d.do(ctx, "put", func() (envelope.Record, error) {
		if ours, err := d.write(d.keyPath(r.KeyID()), r); err != nil || ours {
			return r, err
		}
		return d.get(ctx, r.KeyID())
	})
}

// do runs an operation, reports it to the observer, and classifies its error.
func (d *Dir) do(ctx context.Context, operation string, f func() (envelope.Record, error)) (r envelope.Record, err error) {
	call := store.Call{System: "dir", Operation: operation, Collection: filepath.Base(d.path), Start: time.Now()}
	if err = ctx.Err(); err == nil {
		r, err = f()
	}
	err = classify(operation, err)
	call.End = time.Now()
	if !errors.Is(err, store.ErrNotFound) {
		call.Err = err
	}
	store.Observe(ctx, call)
	if err != nil {
		return envelope.Record{}, err
	}
	return r, nil
}

// Close implements [store.Store]. There is nothing to close.
func (d *Dir) Close() error { return nil }

func (d *Dir) keyPath(id envelope.KeyID) string {
	return filepath.Join(d.path, keysDir, hex.EncodeToString(id[:]))
}

func (d *Dir) slotPath(slot store.Slot) string {
	return filepath.Join(d.path, slotsDir, hex.EncodeToString(slot[:]))
}

// classify turns an error of the file system into one of package store. It
// names no file: file names contain ids of data keys.
func classify(operation string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && operation != "find" && operation != "get" && operation != "replace":
		err = fmt.Errorf("%w: %w: make the folder that the store is in", store.ErrMisconfigured, err)
	case errors.Is(err, fs.ErrNotExist):
		err = store.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %w: give the process the store's folder", store.ErrMisconfigured, err)
	}
	return fmt.Errorf("dir store: %s: %w", operation, err)
}

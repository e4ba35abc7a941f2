package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/store"
)

// sumPrefix starts the second line of a file. The checksum distinguishes a
// damaged record from one that no configured KEK unwraps.
const sumPrefix = "sha256:"

// maxFile is longer than the text of any record that [store.Encode] accepts.
const maxFile = store.MaxRecord/3*4 + 256

// write writes r to a file unless the file exists, and returns when the file is
// durable. The file is whole or absent. ours reports whether this call made it.
func (d *Dir) write(path string, r envelope.Record) (ours bool, err error) {
	name, err := prepare(filepath.Dir(path), r)
	if err != nil {
		return false, err
	}
	defer os.Remove(name)
	err = os.Link(name, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	return err == nil, syncDir(filepath.Dir(path))
}

// prepare writes r to a temporary file and returns its name when the file is
// durable.
func prepare(dir string, r envelope.Record) (name string, err error) {
	b, err := encode(r)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, temporary) // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func encode(r envelope.Record) ([]byte, error) {
	if _, err := store.Encode(r); err != nil {
		return nil, err
	}
	text := envelope.AppendRecordText(nil, r)
	sum := sha256.Sum256(text)
	return fmt.Appendf(text, "\n%s%x\n", sumPrefix, sum), nil
}

func decode(b []byte) (envelope.Record, error) {
	text, rest, _ := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(text)
	if string(rest) != sumPrefix+hex.EncodeToString(sum[:])+"\n" {
		return envelope.Record{}, fmt.Errorf("%w: damaged: restore the file from a backup", store.ErrCorrupt)
	}
	r, err := envelope.ParseRecordText(text)
	if err != nil {
		return envelope.Record{}, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return r, nil
}

func load(ctx context.Context, path string) (envelope.Record, error) {
	b, err := read(ctx, path)
	if err != nil {
		return envelope.Record{}, err
	}
	return decode(b)
}

func read(ctx context.Context, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%w: too long", store.ErrCorrupt)
	}
	return b, err
}

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

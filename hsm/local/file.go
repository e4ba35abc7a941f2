package local

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	fileHeader  = "sealmesh-local-kek-v1 "
	fileMode    = 0o600
	maxFileSize = 256 // bytes; a real one is 67
)

// Path returns the file that a `local:` URI names. A relative path starts from
// dir; local:///x and local:/x are both absolute. The path is literal: there
// are no escapes and no query.
func Path(uri, dir string) (string, error) {
	path, ok := strings.CutPrefix(uri, Kind+":")
	if !ok || path == "" {
		return "", misconfigured("ParseURI", errors.New("a key file's URI reads local:path"), "")
	}
	if strings.HasPrefix(path, "//") {
		if !strings.HasPrefix(path, "///") {
			return "", misconfigured("ParseURI", errors.New("local://host/… names a host"), "write local:path or local:///absolute/path")
		}
		path = path[2:]
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path, nil
}

// Open reads the KEK in the file at path. Every failure is [hsm.Misconfigured].
// Open checks the mode of the file that it opened, whatever links led there.
func Open(path string) (*Provider, error) {
	// Without O_NONBLOCK a FIFO would block the start for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "make one with `sealmesh keys new`"
		}
		return nil, misconfigured("Open", err, hint)
	}
	defer f.Close()
	if err := checkMode(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	defer clear(text)
	if err != nil {
		return nil, misconfigured("Open", err, "")
	}
	key, err := parse(text)
	if err != nil {
		return nil, misconfigured("Open", fmt.Errorf("%s: %w", path, err), "restore the file from its backup; a new key does not open old records")
	}
	p, err := newProvider(key)
	if err != nil {
		return nil, misconfigured("Open", err, "")
	}
	return p, nil
}

func checkMode(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return misconfigured("Open", err, "")
	}
	if !info.Mode().IsRegular() {
		return misconfigured("Open", fmt.Errorf("%s is not a regular file", f.Name()), "")
	}
	if mode := info.Mode().Perm(); mode&^fileMode != 0 {
		return misconfigured("Open", fmt.Errorf("%s has mode %04o: others could read or run it", f.Name(), mode), "chmod 600 "+f.Name())
	}
	return nil
}

// parse never puts the text that it reads into an error.
func parse(text []byte) ([]byte, error) {
	encoded, ok := bytes.CutPrefix(text, []byte(fileHeader))
	if !ok {
		return nil, fmt.Errorf("does not begin with %q", fileHeader)
	}
	encoded = bytes.TrimSuffix(encoded, []byte("\n"))
	key := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Strict().Decode(key, encoded)
	if err != nil || n != hsm.DataKeySize || bytes.ContainsAny(encoded, "\r\n") {
		clear(key)
		return nil, errors.New("the key is not 32 bytes of base64")
	}
	return key[:n], nil
}

// Create makes a new KEK in a new file at path with mode 0600, and returns when
// the file is on stable storage. It never changes an existing file.
func Create(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return misconfigured("Create", err, "records may depend on the key that is there; choose another name")
		}
		return misconfigured("Create", err, "")
	}
	defer func() {
		if err != nil {
			err = misconfigured("Create", errors.Join(err, os.Remove(path)), "")
		}
	}()
	if err := errors.Join(writeKey(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeKey(f *os.File) error {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key)
	line := base64.StdEncoding.AppendEncode([]byte(fileHeader), key)
	line = append(line, '\n')
	_, err := f.Write(line)
	clear(key)
	clear(line)
	return err
}

// syncFolder makes the new file name durable: fsync of the file does not.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func misconfigured(operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: operation, Err: err, Hint: hint}
}

//go:build !unix

package spool

import (
	"errors"
	"io"
)

// Lock implements [Disk]. It always fails.
func (OS) Lock(string) (io.Closer, error) {
	return nil, errors.New("key-use spools need the file locks of a Unix system")
}

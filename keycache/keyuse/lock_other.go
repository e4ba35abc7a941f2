//go:build !unix

package keyuse

import (
	"errors"
	"os"
)

func lockFile(string) (*os.File, error) {
	return nil, errors.New("key-use spools need the file locks of a Unix system")
}

//go:build !unix

package rewrap

import (
	"errors"
	"os"
)

func lockFile(*os.File) error {
	return errors.New("--in and --out need the file locks of a Unix system: use standard input and output")
}

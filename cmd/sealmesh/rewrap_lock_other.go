//go:build !unix

package main

import (
	"errors"
	"os"
)

func lockFile(*os.File) error {
	return errors.New("jobs on files need the file locks of a Unix system: use standard input and output")
}

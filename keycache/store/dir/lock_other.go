//go:build !unix

package dir

import (
	"context"
	"errors"
)

func lock(context.Context, string) (unlock func(), err error) {
	return nil, errors.New("replacing records needs the file locks of a Unix system")
}

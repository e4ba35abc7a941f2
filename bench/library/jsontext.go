package library

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sealmesh/sealmesh/bench/load"
)

// decoderLooks reads body token by token, as jsontext requires to find a field,
// and skips the values of other members.
func decoderLooks(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	for {
		name := d.StackDepth() == 3 && d.PeekKind() == '"'
		if name {
			if _, length := d.StackIndex(3); length%2 == 0 {
				t, err := d.ReadToken()
				if err != nil {
					return err
				}
				if t.String() == load.Member {
					return errors.New("a value was found where none is")
				}
				if err := d.SkipValue(); err != nil {
					return err
				}
				continue
			}
		}
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

package inspect

import (
	"context"
	"errors"
	"io"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// options are the flags of the command.
type options struct {
	config, tag string
	params      map[string]string
}

// withOpener calls use with a function that returns "yes" for an envelope that
// opens under the tag, else the reason why it does not. Each call is a key use,
// which goes to the collector or to w.
func withOpener(ctx context.Context, opt options, w io.Writer, use func(opens func(text []byte) string) error) (err error) {
	server, done, err := cli.OpenServer(ctx, opt.config, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	p, cache := server.Runtime().Policy(), server.Runtime().Cache()
	tags, err := cli.BoundTags(p, cache, opt.params, opt.tag)
	if err != nil {
		return err
	}
	return use(func(text []byte) string {
		s := cache.Session(ctx, keyuse.Exchange{Route: "sealmesh.inspect", Direction: "sealmesh.inspect"})
		value, _, err := s.Open(nil, tags[0], text)
		clear(value)
		if err := errors.Join(err, s.Close(err)); err != nil {
			return err.Error()
		}
		return "yes"
	})
}

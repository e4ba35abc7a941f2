package main

import (
	"context"
	"errors"
	"io"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// openingOptions say under which tag envelopes are to open.
type openingOptions struct {
	config, tag string
	params      map[string]string
}

// opening calls use with what says "yes" of an envelope that opens under the tag, and else
// why it does not. Each is a key use, recorded with the collector or on w.
func opening(ctx context.Context, opt openingOptions, w io.Writer, use func(opens func(text []byte) string) error) (err error) {
	server, done, err := commandServer(ctx, opt.config, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	p, cache := server.Runtime().Policy(), server.Runtime().Cache()
	tags, err := boundTags(p, cache, opt.params, opt.tag)
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

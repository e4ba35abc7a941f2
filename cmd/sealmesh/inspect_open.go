package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
)

// openingOptions say under which tag envelopes are to open.
type openingOptions struct {
	config, tag string
	params      map[string]string
}

// opening calls use with what says "yes" of an envelope that opens under the tag, and else
// why it does not. Each is a key use, recorded with the collector or on w.
func opening(ctx context.Context, opt openingOptions, w io.Writer, use func(opens func(text []byte) string) error) (err error) {
	p, recorder, done, err := commandSetup(ctx, opt.config, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	r := &reloader{config: opt.config, log: slog.New(slog.DiscardHandler), recorder: recorder, metrics: new(proxy.Metrics), unproven: true}
	rt, err := r.build(ctx, p)
	if err != nil {
		return err
	}
	server := proxy.NewServer(rt, r.metrics, r.log, nil)
	defer server.Close()
	tags, err := boundTags(p, rt.Cache(), opt.params, opt.tag)
	if err != nil {
		return err
	}
	return use(func(text []byte) string {
		s := rt.Cache().Session(ctx, keyuse.Exchange{Route: "sealmesh.inspect", Direction: "sealmesh.inspect"})
		value, _, err := s.Open(nil, tags[0], text)
		clear(value)
		if err := errors.Join(err, s.Close(err)); err != nil {
			return err.Error()
		}
		return "yes"
	})
}

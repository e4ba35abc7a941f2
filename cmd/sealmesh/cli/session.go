package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/hsm/transit"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// flushTimeout is how long the last key uses of a command may take to reach the
// collector.
const flushTimeout = 5 * time.Second

// Setup reads the policy at config for a command that uses keys, and opens the
// record of their use. Key uses go to the collector that the environment names,
// else to w as lines. The caller must call done, which sends what is recorded.
func Setup(ctx context.Context, config string, w io.Writer) (p *policy.Policy, recorder *keyuse.Recorder, done func() error, err error) {
	if p, err = ReadPolicy(config); err != nil {
		return nil, nil, nil, err
	}
	if err = RequireFIPS(p.FIPS); err != nil {
		return nil, nil, nil, err
	}
	if recorder, err = newRecorder(p, w); err != nil {
		return nil, nil, nil, err
	}
	return p, recorder, func() error {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		return recorder.Close(end)
	}, nil
}

func newRecorder(p *policy.Policy, w io.Writer) (*keyuse.Recorder, error) {
	getenv := os.Getenv
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		getenv = func(name string) string {
			if name == "OTEL_TRACES_EXPORTER" {
				return "console"
			}
			return os.Getenv(name)
		}
	}
	return keyuse.Open(keyuse.Options{
		Required: p.Audit.Required,
		Resource: Resource(p),
		Getenv:   getenv,
		Console:  w,
		Log:      slog.New(slog.DiscardHandler),
	})
}

// OpenServer opens the policy at config with its keys and stores, for a command
// that seals or opens values as a sidecar does. Unlike a sidecar it needs every
// KEK, and does not verify keys before their first use. The caller must call
// done, which closes the server and sends what is recorded.
func OpenServer(ctx context.Context, config string, w io.Writer) (server *proxy.Server, done func() error, err error) {
	p, recorder, end, err := Setup(ctx, config, w)
	if err != nil {
		return nil, nil, err
	}
	metrics := new(proxy.Metrics)
	rt, err := newRuntime(ctx, p, filepath.Dir(config), recorder, metrics)
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	server = proxy.NewServer(rt, metrics, slog.New(slog.DiscardHandler), nil)
	return server, func() error { server.Close(); return end() }, nil
}

// newRuntime opens the keys and stores of p. dir is the folder of its file.
func newRuntime(ctx context.Context, p *policy.Policy, dir string, recorder *keyuse.Recorder, metrics *proxy.Metrics) (*proxy.Runtime, error) {
	keys, err := keyset.Open(ctx, p.Keys, builtin.Options{Dir: dir, Logins: new(transit.Logins)})
	if err != nil {
		return nil, err
	}
	if err := allAvailable(keys); err != nil {
		return nil, errors.Join(err, keyset.Close(keys))
	}
	stores, err := keyset.OpenStores(ctx, p.Keys, dir)
	if err != nil {
		return nil, errors.Join(err, keyset.Close(keys))
	}
	closeAll := func() error { return errors.Join(stores.Close(), keyset.Close(keys)) }
	cache, err := newCache(keys, keycache.Options{Recorder: recorder, Stores: stores.ByName, Approved: p.FIPS})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	rt, err := proxy.NewRuntime(p, cache, metrics, func() { _ = errors.Join(cache.Close(), closeAll()) })
	if err != nil {
		return nil, errors.Join(err, cache.Close(), closeAll())
	}
	return rt, nil
}

func newCache(keys []*hsm.Key, opt keycache.Options) (*keycache.Cache, error) {
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		return nil, err
	}
	return keycache.New(ring, opt)
}

// allAvailable refuses keys that have an unavailable KEK: a command does not
// retry it, and rewrap would leave it out of the records that it writes.
func allAvailable(keys []*hsm.Key) error {
	for _, key := range keys {
		if len(key.Unavailable) > 0 {
			return fmt.Errorf("key %s: %w", key.Name, key.Unavailable[0].Err)
		}
	}
	return nil
}

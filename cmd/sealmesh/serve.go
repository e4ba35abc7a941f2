package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
)

const (
	// defaultDrain is how long exchanges in flight may take to end after SIGTERM. With
	// flush it is less than the 30 s that Kubernetes gives.
	defaultDrain = 10 * time.Second
	// flush is how long a collector may then take for the last key uses; a spool takes the rest.
	flush = 5 * time.Second
)

type serveOptions struct {
	config string
	drain  time.Duration
	log    *slog.Logger
}

func newServe() *cobra.Command {
	var opt serveOptions
	var level string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the ext_proc service",
		Long: `Run the ext_proc service that the policy file describes.

It is ready, and says so by grpc.health.v1 and /readyz, once the policy is
compiled, every KEK has proven itself and every algorithm suite has passed its
self-test. A KEK that does not answer is left away while a quorum of its key's
does, and tried again. SIGHUP, or a change of the file, reloads the policy: a bad file never
replaces a good one. SIGTERM drains: not ready at once, exchanges in flight get
--drain to end, and key uses are sent or spooled, in 5 s more. A second SIGTERM
ends the exchanges at once: clients get errors, and nothing passes in clear.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return usageError{c, fmt.Errorf("--log-level %q: use debug, info, warn or error", level)}
			}
			opt.log = newLogger(os.Stderr, l)
			return serve(c.Context(), opt)
		},
	}
	configFlag(c, &opt.config)
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	c.Flags().DurationVar(&opt.drain, "drain", defaultDrain, "how long exchanges in flight may take to end")
	return c
}

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", os.Getenv("SEALMESH_CONFIG"), "policy file (SEALMESH_CONFIG)")
	if *path == "" {
		_ = c.MarkFlagRequired("config")
	}
}

func serve(ctx context.Context, opt serveOptions) (err error) {
	log := opt.log
	harden(log)
	tune(log)
	if err := suite.SelfTest(); err != nil {
		return err
	}
	p, sum, err := loadPolicy(opt.config)
	if err != nil {
		return err
	}
	if err := requireFIPS(p); err != nil {
		return err
	}
	if p.FIPS {
		log.Info(fipsState())
	}
	tlsConfig, err := serverTLSFor(p, log)
	if err != nil {
		return err
	}
	tracer, stopTracer, err := newTracer(ctx, log)
	if err != nil {
		return err
	}
	recorder, err := keyuse.Open(keyuse.Options{
		Required: p.Audit.Required, SpoolDir: p.Audit.SpoolDir, SpoolBytes: p.Audit.SpoolBytes,
		Resource: useResource(p),
		Log:      log,
	})
	if err != nil {
		return fmt.Errorf("key-use record: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), flush)
		defer cancel()
		err = errors.Join(err, recorder.Close(end), stopTracer(end))
	}()
	reload := &reloader{config: opt.config, log: log, tracer: tracer, recorder: recorder, metrics: new(proxy.Metrics), sum: sum}
	rt, err := reload.build(ctx, p)
	if err != nil {
		return err
	}
	reload.server = proxy.NewServer(rt, reload.metrics, log, tracer)
	reload.server.Bound(bodyMemory())
	defer reload.server.Close()
	return reload.serve(ctx, opt, tlsConfig)
}

// serve serves the policy in place until ctx ends and what was in flight has too.
func (r *reloader) serve(ctx context.Context, opt serveOptions, tlsConfig *tls.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := r.server.Runtime().Policy()
	listener, err := listen(p.Listen, socketMode)
	if err != nil {
		return err
	}
	g := proxy.NewGRPCServer(p, tlsConfig, r.log)
	r.server.Register(g)
	ready := health.NewServer()
	grpc_health_v1.RegisterHealthServer(g, ready)
	stopAdmin, err := (&admin{reload: r, recorder: r.recorder, ready: ready}).start(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	var background sync.WaitGroup
	defer background.Wait()
	defer stopAdmin()
	background.Go(func() { r.watch(ctx) })
	background.Go(func() { repeat(ctx, requireEvery, requireSpread, r.checkRequirements) })
	background.Go(func() { repeat(ctx, awayEvery, awaySpread, r.tryAway) })
	background.Go(func() {
		<-ctx.Done()
		r.log.Info("draining", "in_flight", r.metrics.Active.Load(), "for", opt.drain.String())
		ready.Shutdown()
		drain(g, opt.drain, r.log)
	})
	r.log.Info("serving", "listen", p.Listen, "admin", p.Admin, "metrics", p.Metrics, "routes", len(p.Routes), "policy", p.Hash, "version", version)
	defer cancel()
	return g.Serve(listener)
}

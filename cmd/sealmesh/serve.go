package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
)

// drain is how long exchanges in flight may take to end after SIGTERM.
const drain = 10 * time.Second

func newServe() *cobra.Command {
	var config, level string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the ext_proc service",
		Long: `Run the ext_proc service that the policy file describes.

It is ready, and says so by grpc.health.v1 and /readyz, once the policy is
compiled, every KEK has proven itself and every algorithm suite has passed its
self-test. SIGHUP, or a change of the file, reloads the policy: a bad file never
replaces a good one. SIGTERM drains.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return usageError{c, fmt.Errorf("--log-level %q: use debug, info, warn or error", level)}
			}
			return serve(c.Context(), config, newLogger(os.Stderr, l))
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", os.Getenv("SEALMESH_CONFIG"), "policy file (SEALMESH_CONFIG)")
	if *path == "" {
		_ = c.MarkFlagRequired("config")
	}
}

func serve(ctx context.Context, config string, log *slog.Logger) (err error) {
	harden(log)
	tune(log)
	if err := suite.SelfTest(); err != nil {
		return err
	}
	p, err := readPolicy(config)
	if err != nil {
		return err
	}
	tracer, stopTracer, err := newTracer(ctx)
	if err != nil {
		return err
	}
	recorder, err := keyuse.Open(keyuse.Options{
		Required: p.Audit.Required, SpoolDir: p.Audit.SpoolDir, SpoolBytes: p.Audit.SpoolBytes,
		Resource: map[string]string{"service.name": "sealmesh", "service.version": version},
		Log:      log,
	})
	if err != nil {
		return fmt.Errorf("key-use record: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		err = errors.Join(err, recorder.Close(end), stopTracer(end))
	}()
	reload := &reloader{config: config, log: log, tracer: tracer, recorder: recorder, metrics: new(proxy.Metrics)}
	rt, err := reload.build(ctx, p)
	if err != nil {
		return err
	}
	server := proxy.NewServer(rt, reload.metrics, log, tracer)
	reload.server = server

	listener, err := listen(p.Listen)
	if err != nil {
		return err
	}
	creds, err := credentialsFor(p)
	if err != nil {
		return err
	}
	g := newGRPC(p, creds)
	server.Register(g)
	ready := health.NewServer()
	grpc_health_v1.RegisterHealthServer(g, ready)
	stopAdmin, err := startAdmin(p.Admin, &admin{reload: reload, recorder: recorder, ready: ready}, log)
	if err != nil {
		return err
	}
	defer stopAdmin()
	go reload.watch(ctx)
	go reload.watchRequirements(ctx)
	context.AfterFunc(ctx, func() {
		log.Info("draining", "in_flight", reload.metrics.Active.Load())
		ready.Shutdown()
		force := time.AfterFunc(drain, g.Stop)
		g.GracefulStop()
		force.Stop()
	})
	log.Info("serving", "listen", p.Listen, "admin", p.Admin, "routes", len(p.Routes), "policy", p.Hash, "version", version)
	if err := g.Serve(listener); err != nil {
		return err
	}
	server.Close()
	return nil
}

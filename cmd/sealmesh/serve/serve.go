// Package serve implements "sealmesh serve": the ext_proc service, reloads of
// its policy, and its admin endpoint.
package serve

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

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/serve/admin"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/attachment"
)

const (
	// defaultDrain is how long exchanges in flight may take to end after SIGTERM.
	// Together with flushTimeout it is shorter than the 30 s that Kubernetes
	// gives.
	defaultDrain = 10 * time.Second
	// flushTimeout is how long the collector may then take to accept the last key
	// uses. The rest goes to the spool.
	flushTimeout = 5 * time.Second
)

// options are the flags of the command.
type options struct {
	config string
	drain  time.Duration
	log    *slog.Logger
}

// Command returns "sealmesh serve".
func Command() *cobra.Command {
	var opt options
	var level string
	c := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the ext_proc service",
		Long: `Run the ext_proc service that the policy file describes.

Ready: grpc.health.v1 and /readyz report ready when the policy is compiled, every
KEK is verified and every algorithm suite has passed its self-test. sealmesh starts
without a KEK that does not respond, as long as the key still has its quorum, and
keeps retrying it.

Reload: SIGHUP or a change of the file reloads the policy. A bad file never replaces
a good policy.

Stop: after SIGTERM sealmesh is no longer ready. Exchanges in flight have --drain to
end. Then key uses are sent or spooled, for at most 5 s. A second SIGTERM ends the
exchanges at once: clients get errors, and nothing passes in clear.`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return cli.UsageError(c, fmt.Errorf("--log-level %q: use debug, info, warn or error", level))
			}
			opt.log = newLogger(os.Stderr, l)
			return serve(c.Context(), opt)
		},
	}
	cli.ConfigFlag(c, &opt.config)
	c.Flags().StringVar(&level, "log-level", "info", "log `LEVEL`: debug, info, warn or error")
	c.Flags().DurationVar(&opt.drain, "drain", defaultDrain, "`TIME` that exchanges in flight may take to end")
	return c
}

func serve(ctx context.Context, opt options) (err error) {
	log := opt.log
	harden(log)
	tune(log)
	if err := suite.SelfTest(); err != nil {
		return err
	}
	p, digest, err := cli.LoadPolicy(opt.config)
	if err != nil {
		return err
	}
	if err := cli.RequireFIPS(p.FIPS); err != nil {
		return err
	}
	if p.FIPS {
		log.Info(cli.FIPSState())
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
		Resource: cli.Resource(p),
		Log:      log,
	})
	if err != nil {
		return fmt.Errorf("key-use record: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		err = errors.Join(err, recorder.Close(end), stopTracer(end))
	}()
	reload := &reloader{config: opt.config, log: log, tracer: tracer, recorder: recorder, metrics: new(proxy.Metrics), digest: digest}
	rt, accept, err := reload.build(ctx, p)
	if err != nil {
		return err
	}
	accept()
	reload.server = proxy.NewServer(rt, reload.metrics, log, tracer)
	reload.server.Bound(bodyMemory())
	defer reload.server.Close()
	return reload.serve(ctx, opt, tlsConfig)
}

// serve serves the policy in force until ctx ends and exchanges in flight have
// ended.
func (r *reloader) serve(ctx context.Context, opt options, tlsConfig *tls.Config) error {
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
	if r.envoys, err = newEnvoyPlane(p, r.server, r.log); err != nil {
		return errors.Join(err, listener.Close())
	}
	watcher := newWatcher(p, r.server, r.metrics)
	stopAdmin, err := startAdmin(r.admin(ctx, ready, watcher), p, r.log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	stopEnvoy, err := r.envoys.serve(p)
	if err != nil {
		stopAdmin()
		return errors.Join(err, listener.Close())
	}
	var background sync.WaitGroup
	defer background.Wait()
	defer stopEnvoy()
	defer stopAdmin()
	background.Go(func() { r.watch(ctx) })
	background.Go(func() { watchEnvoy(ctx, watcher, p.Envoy.Fixed().Required, ready, r.log) })
	background.Go(func() { repeat(ctx, requireEvery, requireSpread, r.checkRequirements) })
	background.Go(func() { repeat(ctx, kekRetryEvery, kekRetrySpread, r.retryUnavailable) })
	background.Go(func() {
		<-ctx.Done()
		r.log.Info("draining", "in_flight", r.metrics.Active.Load(), "for", opt.drain.String())
		ready.Shutdown()
		drain(g, opt.drain, r.log)
	})
	r.log.Info("serving", "listen", p.Listen, "admin", p.Admin, "metrics", p.Metrics, "routes", len(p.Routes), "policy", p.Hash, "version", cli.Version())
	defer cancel()
	return g.Serve(listener)
}

// admin returns the admin endpoint of r. Reloads that a client asks for end
// with ctx, not with the client's request.
func (r *reloader) admin(ctx context.Context, ready *health.Server, watcher *attachment.Watcher) *admin.Admin {
	return &admin.Admin{
		Server: r.server, Metrics: r.metrics, Recorder: r.recorder, Ready: ready, Log: r.log, Envoy: watcher, Envoys: r.envoys.nodes,
		Reload:     func() error { return r.reload(ctx) },
		Flush:      r.flush,
		Violations: r.lastViolations,
		LastReload: func() (success time.Time, failed bool) { return time.Unix(r.lastGood.Load(), 0), r.failed.Load() },
	}
}

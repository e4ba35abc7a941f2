package baseline

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/builtin"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
)

// Settings are what an ablation changes about sealmesh.
type Settings struct {
	GRPC        bool  // serve by grpc-go
	Window      int   // of a stream, bytes; of a connection 16 times that
	GOGC        int   // percent
	MemoryLimit int64 // bytes; 0: none
	Procs       int   // GOMAXPROCS; 0: Go's default
	CPUProfile  string
}

// Shipped is how `sealmesh serve` runs on a machine with more than two cores:
// the settings of cmd/sealmesh.
var Shipped = Settings{Window: 256 << 10, GOGC: 150}

func (s Settings) server(p *policy.Policy) proxy.GRPCServer {
	o := proxy.Transport(p)
	o.Window, o.ConnWindow = int32(s.Window), int32(16*s.Window)
	if !s.GRPC {
		return transport.New(o)
	}
	return grpc.NewServer(proxy.NetworkOptions(o)...)
}

func (s Settings) apply() (stop func(), err error) {
	debug.SetGCPercent(s.GOGC)
	if s.MemoryLimit != 0 {
		debug.SetMemoryLimit(s.MemoryLimit)
	}
	if s.Procs != 0 {
		runtime.GOMAXPROCS(s.Procs)
	}
	if s.CPUProfile == "" {
		return func() {}, nil
	}
	f, err := os.Create(s.CPUProfile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// ServeSealmesh runs sealmesh on the policy at path as `sealmesh serve` does,
// but with settings, and with /stats on admin.
func ServeSealmesh(path, admin string, l Settings) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	stop, err := l.apply()
	if err != nil {
		return err
	}
	defer stop()
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p, err := policy.Load(path, src, os.LookupEnv, os.ReadFile)
	if err != nil {
		return err
	}
	recorder, err := keyuse.Open(keyuse.Options{Required: p.Audit.Required})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = recorder.Close(end)
	}()
	server, err := newServer(ctx, p, filepath.Dir(path), recorder)
	if err != nil {
		return err
	}
	defer server.Close()
	g := l.server(p)
	server.Register(g)
	listener, err := net.Listen("unix", strings.TrimPrefix(p.Listen, "unix://"))
	if err != nil {
		return err
	}
	stopStats, err := serveStats(admin, func() uint64 { return recorder.Stats().Recorded })
	if err != nil {
		return err
	}
	defer stopStats()
	context.AfterFunc(ctx, g.Stop)
	return g.Serve(listener)
}

func newServer(ctx context.Context, p *policy.Policy, dir string, recorder *keyuse.Recorder) (*proxy.Server, error) {
	var keys []*hsm.Key
	for _, k := range p.Keys {
		key := k.Unopened()
		for _, uri := range k.KEKs {
			kek, err := builtin.Open(ctx, uri, builtin.Options{Dir: dir})
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", k.Name, err)
			}
			key.KEKs = append(key.KEKs, kek)
		}
		keys = append(keys, key)
	}
	ring, err := hsm.NewKeyring(keys...)
	if err != nil {
		return nil, err
	}
	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder})
	if err != nil {
		return nil, err
	}
	metrics := new(proxy.Metrics)
	rt, err := proxy.NewRuntime(p, cache, metrics, func() { _ = cache.Close() })
	if err != nil {
		return nil, err
	}
	if err := cache.Verify(ctx); err != nil {
		return nil, err
	}
	return proxy.NewServer(rt, metrics, slog.New(slog.NewTextHandler(os.Stderr, nil)), nil), nil
}

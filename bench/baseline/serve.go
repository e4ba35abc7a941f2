// Package baseline has the servers that sealmesh is compared with: ext_proc
// servers as people write them today, on stock grpc-go. It also embeds sealmesh
// itself, so that settings can be changed and allocations counted.
package baseline

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
)

// maxMessage admits the largest body of the bench; the default of grpc-go is 4
// MiB. It is the only option that the baselines set.
const maxMessage = 128 << 20

// Options of a server process.
type Options struct {
	Listen string // unix:///path of the ext_proc service
	Admin  string // unix:///path where GET /stats is served, see [Stats]
}

// Stats are what a server process reports about itself.
type Stats struct {
	Mallocs uint64 `json:"mallocs"` // heap objects allocated so far
	Bytes   uint64 `json:"bytes"`   // and their bytes
	Spans   uint64 `json:"spans"`   // key uses recorded so far
}

// Serve runs an ext_proc server until SIGTERM.
func Serve(opt Options, s extproc.ExternalProcessorServer, spans func() uint64) error {
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	extproc.RegisterExternalProcessorServer(g, s)
	l, err := net.Listen("unix", strings.TrimPrefix(opt.Listen, "unix://"))
	if err != nil {
		return err
	}
	stop, err := serveStats(opt.Admin, spans)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	context.AfterFunc(ctx, g.Stop)
	return g.Serve(l)
}

// serveStats serves /stats and /readyz on a unix socket.
func serveStats(admin string, spans func() uint64) (stop func(), err error) {
	l, err := net.Listen("unix", strings.TrimPrefix(admin, "unix://"))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ready\n")) })
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(readStats(spans()))
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }()
	return func() { _ = srv.Close() }, nil
}

// readStats stops the world, to be exact: package runtime/metrics counts an
// object only when its memory span is full, which is too late for a short run.
func readStats(spans uint64) Stats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Stats{Mallocs: m.Mallocs, Bytes: m.TotalAlloc, Spans: spans}
}

package serve

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sealmesh/sealmesh/proxy"
)

// drain stops g: it accepts no more exchanges. Exchanges in flight may end
// until the timeout or a second signal. Then they end with an error, and Envoy
// forwards nothing.
func drain(g proxy.GRPCServer, timeout time.Duration, log *slog.Logger) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.GracefulStop()
	}()
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-done:
		return
	case <-late.C:
		log.Warn("exchanges in flight did not end in time and are refused")
	case <-again:
		log.Warn("second signal: exchanges in flight are refused")
	}
	g.Stop()
	<-done
}

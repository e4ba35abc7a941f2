package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sealmesh/sealmesh/proxy"
)

// drain ends g: it takes no more exchanges, and those in flight have until the bound, or
// until the operator asks again. They end as errors then, and Envoy passes nothing on.
func drain(g proxy.GRPCServer, bound time.Duration, log *slog.Logger) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(asked)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.GracefulStop()
	}()
	late := time.NewTimer(bound)
	defer late.Stop()
	select {
	case <-done:
		return
	case <-late.C:
		log.Warn("exchanges in flight did not end in time, and are refused")
	case <-asked:
		log.Warn("asked again: exchanges in flight are refused")
	}
	g.Stop()
	<-done
}

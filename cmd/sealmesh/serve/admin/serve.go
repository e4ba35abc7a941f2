package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve serves h on l until stop is called. stop waits up to a second for
// requests in progress. name appears in log lines.
func Serve(l net.Listener, h http.Handler, name string, log *slog.Logger) (stop func()) {
	srv := &http.Server{
		Handler:           h,
		ConnContext:       withPeer,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      time.Minute, // a reload may have to wait for a KMS
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error(name+" endpoint failed", "error", err.Error())
		}
	}()
	return func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close()
		}
	}
}

// peerKey is the context key of a request's peer, a slog.Value.
type peerKey struct{}

// withPeer stores who connected: on a unix socket the process that the kernel
// names, else the address.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	peer := slog.StringValue(c.RemoteAddr().String())
	if u, ok := c.(*net.UnixConn); ok {
		peer = credentialsOf(u)
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

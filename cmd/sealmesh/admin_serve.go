package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// serveHTTP serves h at addr, which the policy has under name, until the returned
// function is called. An empty address serves nothing.
func serveHTTP(name, addr string, mode fs.FileMode, h http.Handler, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	if !strings.Contains(addr, "://") {
		addr = "tcp://" + addr
	}
	l, err := listen(addr, mode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; the policy may name another address (%[1]s: unix:///path), or none (%[1]s: none)", name, err)
	}
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
			log.Error(name, "error", err.Error())
		}
	}()
	return func() {
		end, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close()
		}
	}, nil
}

// peerKey is what a request's context has its peer under, a slog.Value.
type peerKey struct{}

// withPeer remembers who connected: the process, by the kernel's word, where it
// came by a unix socket, else the address.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	who := slog.StringValue(c.RemoteAddr().String())
	if u, ok := c.(*net.UnixConn); ok {
		who = credentialsOf(u)
	}
	return context.WithValue(ctx, peerKey{}, who)
}

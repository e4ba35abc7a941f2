package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// logged says of each request that is to change something who sent it and what came
// of it.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		who, _ := r.Context().Value(peerKey{}).(slog.Value)
		log.Warn("admin", "method", r.Method, "path", r.URL.Path, "status", answer.status, "peer", who)
	})
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader is http.ResponseWriter's.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// guarded keeps the pages that a browser on this host shows away from next. None may
// post (CSRF); and where next is not private, but on a port, none may read either
// under a name that its owner made resolve to this host (DNS rebinding).
func guarded(next http.Handler, private bool) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	if private {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if !isLocal(r.Host) || origin != "" && origin != "http://"+r.Host {
			http.Error(w, "ask by a loopback address, and from no other origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether an authority names this host in a way that nobody's DNS
// decides.
func isLocal(authority string) bool {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

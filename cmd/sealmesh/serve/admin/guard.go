package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// logged logs the peer and the result of each request that can change
// something.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		response := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(response, r)
		peer, _ := r.Context().Value(peerKey{}).(slog.Value)
		log.Warn("admin request", "method", r.Method, "path", r.URL.Path, "status", response.status, "peer", peer)
	})
}

// A statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader is http.ResponseWriter's.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// guarded protects next from web pages in a browser on this host. It refuses
// cross-origin requests that can change something (CSRF). If next is not
// private, but on a port, it also refuses every request for a host name that
// the owner of a page may have made resolve to this host (DNS rebinding).
func guarded(next http.Handler, private bool) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	if private {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if !isLocal(r.Host) || origin != "" && origin != "http://"+r.Host {
			http.Error(w, "use a loopback address, and no other origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether authority names this host without DNS.
func isLocal(authority string) bool {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

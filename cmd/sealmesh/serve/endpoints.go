package serve

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/serve/admin"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// startAdmin serves the admin and metrics endpoints of p until stop is called.
func startAdmin(a *admin.Admin, p *policy.Policy, log *slog.Logger) (stop func(), err error) {
	stopAdmin, err := serveHTTP("admin", p.Admin, adminMode, a.Handler(strings.HasPrefix(p.Admin, "unix://")), log)
	if err != nil {
		return nil, err
	}
	stopMetrics, err := serveHTTP("metrics", p.Metrics, socketMode, a.ReadOnly(), log)
	if err != nil {
		stopAdmin()
		return nil, err
	}
	return func() { stopMetrics(); stopAdmin() }, nil
}

// serveHTTP serves h at addr, the value of name in the policy, until stop is
// called. An empty address serves nothing.
func serveHTTP(name, addr string, mode fs.FileMode, h http.Handler, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	if !strings.Contains(addr, "://") {
		addr = "tcp://" + addr
	}
	l, err := listen(addr, mode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; set another address in the policy (%[1]s: unix:///path), or none (%[1]s: none)", name, err)
	}
	return admin.Serve(l, h, name, log), nil
}

package attachment

import (
	"bufio"
	"bytes"
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A meter is what both sides had counted of a route at one look.
type meter struct {
	envoy, exchanges uint64
	active           uint64 // exchanges in flight, of all routes
}

// window is over how many looks both sides are compared. An exchange is counted
// before its request is sent to the service, for which Envoy may have to wait
// for a connection.
const window = 15

// passed returns how many requests Envoy has sent to the service since before,
// without an exchange. Those in flight may have been counted before.
func (m meter) passed(before meter) uint64 {
	sent, known := m.envoy-before.envoy, m.exchanges-before.exchanges+before.active
	if sent <= known {
		return 0
	}
	return sent - known
}

// compare returns the requests that passed since the look before, by route with
// rules.
func (w *Watcher) compare(ctx context.Context, p *policy.Policy) (map[string]uint64, error) {
	text, err := w.envoy.get(ctx, "/stats?usedonly&filter="+url.QueryEscape(`^vhost\..*\.upstream_rq_total$`))
	if err != nil {
		return nil, err
	}
	sent := requests(text)
	var passed map[string]uint64
	active := uint64(max(w.counts.Active(), 0))
	for prefix, names := range byPrefix(p) {
		now := meter{envoy: sent[prefix], active: active}
		for _, name := range names {
			now.exchanges += w.counts.Exchanges(name)
		}
		if n := w.note(prefix, now); n > 0 {
			if passed == nil {
				passed = map[string]uint64{}
			}
			passed[names[0]] += n
		}
	}
	return passed, nil
}

// note adds what both sides count of a route now, and returns how many requests
// passed within the window that were not returned before.
func (w *Watcher) note(prefix string, now meter) uint64 {
	before := w.meters[prefix]
	if len(before) == 0 || now.envoy < before[len(before)-1].envoy {
		w.meters[prefix] = []meter{now}
		return 0
	}
	n := now.passed(before[0])
	switch {
	case n > 0:
		before = before[:0]
	case len(before) == window:
		before = append(before[:0], before[1:]...)
	}
	w.meters[prefix] = append(before, now)
	return n
}

// byPrefix returns the names of the routes of p with rules, by their name in
// Envoy's stats.
func byPrefix(p *policy.Policy) map[string][]string {
	all := map[string][]string{}
	for _, r := range p.Routes {
		if !bootstrap.Off(r) {
			prefix := bootstrap.StatPrefix(r.Name)
			all[prefix] = append(all[prefix], r.Name)
		}
	}
	return all
}

// requests returns the requests that each route has sent, by the name of the
// route in stats. text is Envoy's answer: lines "name: value".
func requests(text []byte) map[string]uint64 {
	sent := map[string]uint64{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ": ")
		_, route, named := strings.Cut(strings.TrimSuffix(name, ".upstream_rq_total"), ".route.")
		n, err := strconv.ParseUint(value, 10, 64)
		if ok && named && err == nil {
			sent[route] += n
		}
	}
	return sent
}

package envoycheck

import (
	"slices"
	"time"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A filter is the ext_proc filter of a connection manager.
type filter struct {
	name   string
	config node
	off    bool   // disabled unless a route says otherwise
	before []node // the filters that a request meets first
}

// minTimeout is longer than sealmesh waits for a key (keycache.DefaultTimeout), so that its own answer comes first.
const minTimeout = 6 * time.Second

// filter checks what holds for all routes.
func (c *check) filter(f *filter) {
	n := f.config
	if n.flag("failure_mode_allow") {
		c.report(true, f.name, "failure_mode_allow lets exchanges pass unread whenever sealmesh is away; set it to false")
	}
	if n.flag("observability_mode") {
		c.report(true, f.name, "in observability_mode replies are ignored, and every body passes as it came; leave it out")
	}
	if n.node("http_service") != nil {
		c.report(false, f.name, "http_service sends no bodies; use grpc_service")
	}
	if n.flag("disable_immediate_response") {
		c.report(false, f.name, "disable_immediate_response turns refusals into failures without a status; leave it out")
	}
	if n["forward_rules"] != nil {
		c.report(false, f.name, "forward_rules may hide headers by which sealmesh decides; leave them out")
	}
	if m := n.node("mutation_rules"); m.flag("disallow_all") || m["disallow_expression"] != nil || m.flag("disallow_is_error") {
		c.report(false, f.name, "mutation_rules keep sealmesh from putting content-length right; leave them out")
	}
}

// timeout checks message_timeout, which counts where Envoy waits for single replies.
func (c *check) timeout(f *filter) {
	d, ok := f.config.duration("message_timeout")
	if !ok {
		d = 200 * time.Millisecond // Envoy's default
	}
	if d < minTimeout {
		c.report(false, f.name, "message_timeout is %v, and sealmesh may wait 5s for a key; make it 10s", d)
	}
}

// attributes checks that what stands in for skipped request headers is all there.
func (c *check) attributes(f *filter, key string, need []string) {
	have := f.config.texts(key)
	for _, a := range need {
		if !slices.Contains(have, a) {
			c.report(false, f.name, "a route sends no request headers, and %s lacks %s: sealmesh cannot tell what is asked for", key, a)
		}
	}
}

// paths checks that Envoy reads a path as sealmesh and the upstream do, where some requests are not shown to sealmesh.
func (c *check) paths(m node, where string) {
	if !slices.ContainsFunc(c.policy.Routes, func(r *policy.Route) bool { return r.Skip }) && c.policy.Unmatched == policy.RefuseUnmatched {
		return // sealmesh sees every path, and refuses what can be read in two ways
	}
	if !m.flag("normalize_path") || !m.flag("merge_slashes") {
		c.report(true, where, "without normalize_path and merge_slashes a request may take a skipped route here and another one at the upstream; set both")
	}
	switch m.text("path_with_escaped_slashes_action") {
	case "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT":
	default:
		c.report(true, where, "escaped slashes may be slashes to the upstream; set path_with_escaped_slashes_action to REJECT_REQUEST")
	}
}

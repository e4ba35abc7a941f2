package envoycheck

import (
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// effective is what holds for ext_proc on one Envoy route.
type effective struct {
	mode  node
	off   bool
	allow bool // failure_mode_allow
	retry bool
}

// table checks a route configuration. f is nil where only the routes are known.
func (c *check) table(f *filter, table node) {
	if f == nil {
		f = &filter{name: "envoy.filters.http.ext_proc"}
	}
	for _, sample := range samples(c.policy) {
		took := false
		for _, t := range take(table, sample) {
			took = true
			if t.route["route"] == nil { // redirects and direct responses reach no upstream
				continue
			}
			where := fmt.Sprintf("%s (%s)", t.name(), sample)
			e := c.resolve(f, table, t)
			switch {
			case sample.route == nil && e.off && c.policy.Unmatched == policy.RefuseUnmatched:
				c.report(true, where, "ext_proc is disabled, and no route of the policy covers this: sealmesh would refuse it; let the filter see its headers")
			case sample.route != nil && !sample.route.Skip:
				c.route(f, where, sample.route, e)
			}
		}
		if !took && sample.route != nil && !sample.route.Skip {
			c.report(false, fmt.Sprintf("%s (%s)", table.text("name"), sample), "no route takes it")
		}
	}
}

// resolve finds what the most specific configuration of the filter says (route, virtual host, table).
func (c *check) resolve(f *filter, table node, t taken) effective {
	e := effective{mode: f.config.node("processing_mode"), off: f.off}
	for _, level := range []node{table, t.host, t.route} {
		if level["retry_policy"] != nil || level.node("route")["retry_policy"] != nil {
			e.retry = true
		}
		per := level.node("typed_per_filter_config").node(f.name)
		if per.is("FilterConfig") { // envoy.config.route.v3: wraps, and may disable any filter
			if per.flag("disabled") {
				c.early(f, t)
				e.off = true
				continue
			}
			per = per.node("config")
		}
		if per == nil {
			continue
		}
		e.off = per.flag("disabled")
		if o := per.node("overrides"); o != nil {
			if o.node("processing_mode") != nil {
				e.mode = o.node("processing_mode")
			}
			e.allow = o.flag("failure_mode_allow")
		}
	}
	for _, w := range t.route.node("route").node("weighted_clusters").nodes("clusters") {
		if w.node("typed_per_filter_config")[f.name] != nil {
			c.report(true, t.name(), "a weighted cluster has an ext_proc configuration of its own, which is not checked; put it on the route")
		}
	}
	return e
}

// early reports filters that may choose another route when Envoy has already left ext_proc out
// for this one.
func (c *check) early(f *filter, t taken) {
	var names []string
	for _, other := range f.before {
		names = append(names, other.text("name"))
	}
	if len(names) > 0 {
		c.report(true, t.name(), "FilterConfig leaves ext_proc out before %s runs, which may yet change the path, and with it the route: put ext_proc first, or write ExtProcPerRoute with disabled: true instead",
			strings.Join(names, ", "))
	}
}

// route checks that what r needs is asked for.
func (c *check) route(f *filter, where string, r *policy.Route, e effective) {
	if r.Request == nil && r.Response == nil {
		return
	}
	if e.off {
		c.report(true, where, "ext_proc is disabled, and route %q of the policy has rules", r.Name)
		return
	}
	if e.allow {
		c.report(true, where, "failure_mode_allow lets exchanges pass unread whenever sealmesh is away; set it to false")
	}
	c.direction(f, where, "request", r.Request, e)
	c.direction(f, where, "response", r.Response, e)
	if f.config == nil {
		return // only the routes are known
	}
	skips := e.mode.text("request_header_mode") == "SKIP"
	if skips && r.Request != nil {
		c.attributes(f, "request_attributes", proxy.RequestAttributes)
	}
	if skips && r.Response != nil {
		c.attributes(f, "response_attributes", proxy.ResponseAttributes)
	}
	for _, d := range []string{"request", "response"} {
		if m := bodyMode(e.mode, d); m != "FULL_DUPLEX_STREAMED" && m != "NONE" {
			c.timeout(f)
		}
	}
}

// unasked reports whether sealmesh hears nothing of an exchange before that direction of it passes.
func (e effective) unasked(direction string) bool {
	if e.mode.text("request_header_mode") != "SKIP" {
		return false
	}
	return direction == "request" || e.mode.text("response_header_mode") == "SKIP"
}

func bodyMode(mode node, direction string) string {
	if m := mode.text(direction + "_body_mode"); m != "" {
		return m
	}
	return "NONE"
}

// direction checks the modes of one direction against its plan.
func (c *check) direction(f *filter, where, name string, plan *policy.Plan, e effective) {
	if plan == nil {
		return
	}
	if name == "response" && e.mode.text("response_header_mode") == "SKIP" {
		c.report(false, where, "response_header_mode is SKIP: sealmesh needs the content type, and refuses the body; make it SEND")
	}
	if e.mode.text(name+"_header_mode") == "SKIP" && bodyMode(e.mode, name) != "NONE" && f.config.flag("allow_content_length_header") {
		c.report(false, where, "with allow_content_length_header and %s_header_mode SKIP a body keeps the length that it had before: make it SEND", name)
	}
	trailers := e.mode.text(name+"_trailer_mode") == "SEND"
	switch m := bodyMode(e.mode, name); m {
	case "NONE", "BUFFERED_PARTIAL", "GRPC":
		if m == "NONE" && e.unasked(name) {
			c.report(true, where, "%s_body_mode is NONE, and no headers are sent: sealmesh is never asked; make it FULL_DUPLEX_STREAMED or BUFFERED", name)
			return
		}
		c.report(false, where, "%s_body_mode is %s, which does not show whole bodies: sealmesh refuses with mode_unsafe; make it FULL_DUPLEX_STREAMED or BUFFERED", name, m)
	case "STREAMED":
		if !trailers {
			c.report(false, where, "%[1]s_body_mode is STREAMED and %[1]s_trailer_mode is not SEND: the end of a body with trailers would be lost", name)
		}
	case "FULL_DUPLEX_STREAMED":
		switch {
		case !trailers:
			c.report(false, where, "%[1]s_body_mode is FULL_DUPLEX_STREAMED, and Envoy takes that only with %[1]s_trailer_mode SEND", name)
		case name == "request" && e.retry:
			c.report(false, where, "a retry sends a FULL_DUPLEX_STREAMED body twice (envoy#45470): take out the retry_policy, or make it BUFFERED")
		case f.config != nil && plan.Mode == policy.Buffered && !f.config.flag("allow_content_length_header"):
			c.report(false, f.name, "bodies lose their content-length without allow_content_length_header (Envoy 1.38): set it, or make the body modes BUFFERED")
		}
	}
	if plan.Mode == policy.Streamed && bodyMode(e.mode, name) == "BUFFERED" {
		c.report(false, where, "the policy has %s bodies streamed, and BUFFERED refuses those that are longer than Envoy's buffer: make it FULL_DUPLEX_STREAMED", name)
	}
}

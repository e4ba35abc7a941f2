package proxy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// An ApplyTarget names the rules that [Server.Apply] runs, and holds what Envoy
// would say about the body.
type ApplyTarget struct {
	Route       string // configured name
	Response    bool   // the rules of the response, not of the request
	ContentType string
	Path        string            // of the request, which names the method of gRPC; "" for the route's
	Params      map[string]string // path parameters that tags of the route are bound to
}

// Apply runs the rules of t over r and writes the result to w, in bounded
// memory, as a streamed exchange would. After an error, discard what w has
// received.
func (s *Server) Apply(ctx context.Context, t ApplyTarget, r io.Reader, w io.Writer) error {
	rt := s.Runtime()
	x := &exchange{srv: s, rt: rt, ctx: ctx, account: new(account), counts: s.metrics.Route(t.Route), parent: trace.SpanContextFromContext(ctx)}
	d := &direction{x: x, response: t.Response, mode: wire.ModeFullDuplex, head: message{contentType: t.ContentType, headers: true, status: 200}}
	for _, pr := range rt.policy.Routes {
		if pr.Name == t.Route {
			x.route = rt.routes[pr]
		}
	}
	if x.route == nil {
		return fmt.Errorf("apply: the policy has no route %q; it has %s", t.Route, routeNames(rt.policy))
	}
	request, response, err := t.bind(x.route)
	if err != nil {
		return err
	}
	rules := request
	if t.Response {
		rules = response
	}
	if rules == nil || rules.PlacesOnly {
		return fmt.Errorf("apply: route %q has no rules for the body of a %s", t.Route, d.name())
	}
	if err := d.setPlan(rules); err != nil {
		return err
	}
	x.request.head.method, x.request.head.path = http.MethodPost, cmp.Or(t.Path, x.route.Path)
	err = d.begin()
	if err == nil {
		err = applyAll(d, r, w)
	}
	d.close(err)
	return err
}

// bind gives the tags of r the parameters of t. Every parameter must be bound
// to a tag, and every binding must have a parameter.
func (t *ApplyTarget) bind(r *route) (request, response *plan, err error) {
	used := map[string]bool{}
	request, response, err = r.bind(func(name string) (string, error) {
		value, ok := t.Params[name]
		if !ok {
			return "", fmt.Errorf("apply: a tag of route %q is bound to {%s} of its path: say which value it has", t.Route, name)
		}
		used[name] = true
		return value, nil
	})
	for name := range t.Params {
		if err == nil && !used[name] {
			err = fmt.Errorf("apply: no tag of route %q is bound to {%s} of its path", t.Route, name)
		}
	}
	return request, response, err
}

func routeNames(p *policy.Policy) string {
	var names []string
	for _, r := range p.Routes {
		names = append(names, fmt.Sprintf("%q", r.Name))
	}
	return strings.Join(names, ", ")
}

// applyAll rewrites r into w, chunk by chunk.
func applyAll(d *direction, r io.Reader, w io.Writer) error {
	buf := make([]byte, maxChunk)
	defer clear(buf)
	for {
		n, err := r.Read(buf)
		if err != nil && err != io.EOF {
			return fmt.Errorf("apply: %w", err)
		}
		end := err == io.EOF
		if err := applyChunk(d, buf[:n], end, w); err != nil || end {
			return err
		}
	}
}

func applyChunk(d *direction, chunk []byte, end bool, w io.Writer) error {
	j := newJob(nil)
	defer j.free()
	j.pieces = append(j.pieces, chunk)
	j.body = j.pieces
	if len(chunk) > 0 && d.underway() {
		if err := d.open(); err != nil {
			return err
		}
	}
	out := j.body
	if d.underway() {
		if err := d.rewrite(j, end); err != nil {
			return err
		}
		out = j.out.Segments()
	}
	for _, s := range out {
		if _, err := w.Write(s); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
	}
	return nil
}

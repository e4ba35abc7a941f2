package proxy

import (
	"context"
	"fmt"
	"io"

	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A Body says which rules [Server.Apply] runs on a body that no Envoy brings.
type Body struct {
	Route       string // configured name
	Response    bool
	ContentType string
	Params      map[string]string // path parameters that tags of the route are bound to
}

// Apply runs the rules of one direction of one route over r and writes the
// result to w, in bounded memory, as a streamed exchange would. What went to w before an
// error must not be used.
func (s *Server) Apply(ctx context.Context, b Body, r io.Reader, w io.Writer) error {
	rt := s.runtime.Load()
	x := &exchange{srv: s, rt: rt, ctx: ctx, account: new(account), counts: s.metrics.Route(b.Route), parent: trace.SpanContextFromContext(ctx)}
	d := &direction{x: x, response: b.Response, mode: wire.ModeFullDuplex, head: message{contentType: b.ContentType, headers: true, status: 200}}
	for _, pr := range rt.policy.Routes {
		if pr.Name == b.Route {
			x.route = rt.routes[pr]
		}
	}
	if x.route == nil {
		return fmt.Errorf("apply: the policy has no route %q; it has %s", b.Route, routeNames(rt.policy))
	}
	request, response, err := b.bind(x.route)
	if err != nil {
		return err
	}
	rules := request
	if b.Response {
		rules = response
	}
	if rules == nil {
		return fmt.Errorf("apply: route %q has no rules for a %s", b.Route, d.name())
	}
	if err := d.announced(rules); err != nil {
		return err
	}
	err = d.begin()
	if err == nil {
		err = d.copy(r, w)
	}
	d.close(err)
	return err
}

// bind gives the tags of r the parameters of b, all of which they must be bound to.
func (b *Body) bind(r *route) (request, response *plan, err error) {
	used := map[string]bool{}
	request, response, err = r.bind(func(name string) (string, error) {
		value, ok := b.Params[name]
		if !ok {
			return "", fmt.Errorf("apply: a tag of route %q is bound to {%s} of its path: say which value it has", b.Route, name)
		}
		used[name] = true
		return value, nil
	})
	for name := range b.Params {
		if err == nil && !used[name] {
			err = fmt.Errorf("apply: no tag of route %q is bound to {%s} of its path", b.Route, name)
		}
	}
	return request, response, err
}

func routeNames(p *policy.Policy) string {
	var names []byte
	for i, r := range p.Routes {
		if i > 0 {
			names = append(names, ", "...)
		}
		names = fmt.Appendf(names, "%q", r.Name)
	}
	return string(names)
}

// copy rewrites r into w, chunk by chunk.
func (d *direction) copy(r io.Reader, w io.Writer) error {
	buf := make([]byte, maxChunk)
	defer clear(buf)
	for {
		n, err := r.Read(buf)
		if err != nil && err != io.EOF {
			return fmt.Errorf("apply: %w", err)
		}
		end := err == io.EOF
		if err := d.chunk(buf[:n], end, w); err != nil || end {
			return err
		}
	}
}

func (d *direction) chunk(p []byte, end bool, w io.Writer) error {
	j := newJob(nil)
	defer j.free()
	j.pieces = append(j.pieces, p)
	j.body = j.pieces
	if len(p) > 0 && d.underway() {
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

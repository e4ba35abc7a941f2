package proxy

import (
	"context"
	"errors"
	"io"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

var (
	errAborted = errors.New("exchange aborted")
	errSend    = errors.New("send")
)

// gone reports whether err, which ended an exchange, only says that Envoy has left.
// That is nothing to refuse, and no failure of ours or of a KMS.
func (x *exchange) gone(err error) bool {
	if errors.Is(err, errSend) {
		c := status.Code(err)
		return c != codes.Internal && c != codes.ResourceExhausted // a reply that cannot be sent is our defect
	}
	return x.stream.Context().Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// stopped says how a stream ends that Envoy ended. Not well while a body is under way, of
// which nothing may have come yet.
func (x *exchange) stopped(err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case x.request.underway() || x.response.underway():
		return status.Error(codes.Canceled, "ended in the middle of a body")
	}
	return nil
}

// end releases everything. Bodies that were still under way count as aborted.
func (x *exchange) end() {
	x.request.close(errAborted)
	x.response.close(errAborted)
	if x.span != nil {
		x.span.SetAttributes(attribute.String("sealmesh.route", x.routeName()))
		x.span.End()
	}
	if x.account != nil {
		x.srv.budget.leave(x.account, x.charged)
	}
	x.rt.release()
	x.srv.metrics.Active.Add(-1)
}

// refuse ends the exchange without forwarding, because of a message of direction d: with
// an immediate response while the client has seen nothing, else with a reset. The stream
// then ends with an error.
func (x *exchange) refuse(d *direction, cause error) error {
	code := codeOf(cause)
	x.request.close(cause)
	x.response.close(cause)
	if x.counts == nil {
		x.counts = x.srv.metrics.Route(Unrouted)
	}
	x.counts.refuse(d.name(), code)
	x.srv.log.LogAttrs(x.ctx, levelOf(code), "refused",
		attr("route", x.routeName()), attr("direction", d.name()), attr("code", code), attr("cause", cause.Error()))
	if x.span != nil {
		x.span.SetStatus(otelcodes.Error, code)
	}
	failed := status.Error(codes.Aborted, code)
	if x.left || x.stream.Context().Err() != nil {
		return failed
	}
	if err := x.send(&wire.Reply{Immediate: immediate(code, d.response, x.request.head.grpc())}); err != nil {
		return err
	}
	x.drain()
	return failed
}

package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// CloseTimeout is how long Envoy may take to end a stream whose exchange was
// refused.
const CloseTimeout = 10 * time.Second

var (
	errIdle    = errors.New("no more of the body came within limits.exchange, or it came more slowly than limits.rate")
	errAborted = errors.New("the exchange ended before the body did")
	errSend    = errors.New("send a reply to Envoy")
)

// receive returns the next message. For a body it waits only as long as the
// policy allows: Envoy has no timer there. The error is errIdle then.
func (x *exchange) receive() (*wire.Request, error) {
	var limit time.Duration
	if d := x.awaited(); d != nil {
		limit = d.held.patience(&x.rt.policy.Limits)
	}
	req, err := x.stream.RecvWithin(limit)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errIdle
	}
	return req, err
}

// awaited returns a direction whose body must not stall, or nil.
func (x *exchange) awaited() *direction {
	switch stall {
	case x.request.on(onSilence):
		return &x.request
	case x.response.on(onSilence):
		return &x.response
	}
	return nil
}

// gone reports whether err, which ended an exchange, only means that Envoy has
// ended the stream. That is nothing to refuse, and no failure of ours or of a
// KMS.
func (x *exchange) gone(err error) bool {
	if errors.Is(err, errSend) {
		c := status.Code(err)
		return c != codes.Internal && c != codes.ResourceExhausted // these two are our defect
	}
	return x.stream.Context().Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// stopped returns the status of a stream that Envoy ended with err. It is an
// error while a body is under way, even if none of the body has come yet.
func (x *exchange) stopped(err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case x.request.underway() || x.response.underway():
		return status.Error(codes.Canceled, "ended in the middle of a body")
	}
	return nil
}

// refuse ends the exchange without forwarding, because of a message of
// direction d. It sends an immediate response while the client has seen
// nothing; after that, the error of the stream makes Envoy reset the request.
func (x *exchange) refuse(d *direction, cause error) error {
	code := codeOf(cause)
	x.request.close(cause)
	x.response.close(cause)
	if x.counts == nil {
		x.counts = x.srv.metrics.Route(Unrouted)
	}
	x.counts.refuse(d.name(), code)
	x.srv.log.LogAttrs(x.ctx, levelOf(code), "refused",
		slog.String("route", x.route.name()), slog.String("direction", d.name()), slog.String("code", code), slog.String("cause", cause.Error()))
	if x.span != nil {
		x.span.SetStatus(otelcodes.Error, code)
	}
	failed := status.Error(codes.Aborted, code)
	if x.responseSent || x.stream.Context().Err() != nil {
		return failed
	}
	if err := x.send(&wire.Reply{Immediate: immediate(code, detailOf(cause, d.response), d.response, x.request.head.grpc())}); err != nil {
		return err
	}
	x.drain()
	return failed
}

// drain reads until Envoy ends the stream after a refusal, for at most
// CloseTimeout. If we ended it first, even with an error, the end could
// overtake the reply.
func (x *exchange) drain() {
	until := time.Now().Add(x.srv.closeTimeout)
	for rest := x.srv.closeTimeout; rest > 0; rest = time.Until(until) {
		req, err := x.stream.RecvWithin(rest)
		if err != nil {
			return
		}
		req.Free()
	}
}

// end releases what x holds. Bodies that are still under way count as aborted.
func (x *exchange) end() {
	x.request.close(errAborted)
	x.response.close(errAborted)
	if x.span != nil {
		x.span.SetAttributes(attribute.String("sealmesh.route", x.route.name()))
		x.span.End()
	}
	if x.account != nil {
		x.srv.budget.leave(x.account, x.charged)
	}
	x.rt.release()
	x.srv.metrics.Active.Add(-1)
}

package dataplane

import (
	"net/http"
	"strconv"
	"time"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// onReply handles a message of the processor.
func (x *exchange) onReply(m *extproc.ProcessingResponse) {
	if !x.processing() {
		return
	}
	if t := m.GetOverrideMessageTimeout(); t != nil {
		x.overrideTimeout(t.AsDuration()) // the other fields are ignored
		return
	}
	switch r := m.GetResponse().(type) {
	case *extproc.ProcessingResponse_RequestHeaders:
		x.request.onHeadersReply(r.RequestHeaders.GetResponse(), m.GetModeOverride())
	case *extproc.ProcessingResponse_ResponseHeaders:
		x.response.onHeadersReply(r.ResponseHeaders.GetResponse(), m.GetModeOverride())
	case *extproc.ProcessingResponse_RequestBody:
		x.request.onBodyReply(r.RequestBody.GetResponse())
	case *extproc.ProcessingResponse_ResponseBody:
		x.response.onBodyReply(r.ResponseBody.GetResponse())
	case *extproc.ProcessingResponse_RequestTrailers:
		x.request.onTrailersReply(r.RequestTrailers.GetHeaderMutation())
	case *extproc.ProcessingResponse_ResponseTrailers:
		x.response.onTrailersReply(r.ResponseTrailers.GetHeaderMutation())
	case *extproc.ProcessingResponse_ImmediateResponse:
		x.onImmediate(r.ImmediateResponse)
	default:
		x.spurious("no response")
	}
}

// overrideTimeout restarts a running timer, within the configured limit.
func (x *exchange) overrideTimeout(t time.Duration) {
	if t < time.Millisecond || t > x.proxy.config.MaxMessageTimeout {
		return
	}
	for _, d := range [...]*direction{x.request, x.response} {
		if d.timer != nil {
			d.arm(t)
		}
	}
}

func (x *exchange) onImmediate(m *extproc.ImmediateResponse) {
	x.proxy.Stats.Immediate.Add(1)
	var f fields
	if err := f.mutate(m.GetHeaders(), false, x.rejected); err != nil {
		x.fail(http.StatusInternalServerError, err.Error())
		return
	}
	if s := m.GetGrpcStatus(); s != nil {
		f.set("grpc-status", strconv.Itoa(int(s.GetStatus())))
		f.set("grpc-message", string(m.GetBody()))
		f.set("content-type", "application/grpc")
		x.answer(http.StatusOK, f, nil)
		return
	}
	x.answer(max(int(m.GetStatus().GetCode()), http.StatusOK), f, m.GetBody())
}

func (x *exchange) rejected() { x.proxy.Stats.Rejected.Add(1) }

// mutate applies a header mutation. It fails the exchange if that is
// impossible.
func (d *direction) mutate(f *fields, m *extproc.HeaderMutation) bool {
	if err := f.mutate(m, d.frozen, d.x.rejected); err != nil {
		d.x.fail(http.StatusInternalServerError, err.Error())
		return false
	}
	return true
}

func (d *direction) onHeadersReply(r *extproc.CommonResponse, mode *filterv3.ProcessingMode) {
	if d.awaiting != headersReply {
		d.x.spurious("headers")
		return
	}
	d.disarm()
	if !d.mutate(&d.headers, r.GetHeaderMutation()) {
		return
	}
	d.awaiting = nothing
	if r.GetStatus() == extproc.CommonResponse_CONTINUE_AND_REPLACE {
		d.replaceBody(r.GetBodyMutation().GetBody())
		return
	}
	d.override(mode)
	if len(d.chunks) > 0 { // send_body_without_waiting_for_header_response
		d.await(chunkReplies)
		return
	}
	d.advance()
	d.x.settle()
}

// replaceBody handles CONTINUE_AND_REPLACE: the direction ends with the
// processor's body.
func (d *direction) replaceBody(data []byte) {
	d.headers.remove("content-length")
	d.unhold()
	d.replaced, d.headersEnd = true, len(data) == 0
	d.release()
	d.emit(data)
	d.trailers = nil
	d.finish()
}

// override handles mode_override. It ignores one silently where Envoy does.
// (DEFAULT means the filter's mode; Envoy does not use the route's.)
func (d *direction) override(m *filterv3.ProcessingMode) {
	c := &d.x.proxy.config
	if m == nil || !c.AllowModeOverride || c.SendBodyWithoutWaiting ||
		c.Mode.RequestBody == wire.ModeFullDuplex || c.Mode.ResponseBody == wire.ModeFullDuplex {
		return
	}
	keep := func(send *bool, mode filterv3.ProcessingMode_HeaderSendMode) {
		if mode != filterv3.ProcessingMode_DEFAULT {
			*send = mode == filterv3.ProcessingMode_SEND
		}
	}
	if d.request {
		d.mode = wire.BodyMode(m.GetRequestBodyMode())
		keep(&d.sendTrailers, m.GetRequestTrailerMode())
		keep(&d.x.response.sendHeaders, m.GetResponseHeaderMode())
		d.freeze()
	}
	response := d.x.response
	response.mode = wire.BodyMode(m.GetResponseBodyMode())
	keep(&response.sendTrailers, m.GetResponseTrailerMode())
	if !d.request {
		d.freeze()
	}
}

func (d *direction) onBodyReply(r *extproc.CommonResponse) {
	mutation := r.GetBodyMutation()
	_, streamed := mutation.GetMutation().(*extproc.BodyMutation_StreamedResponse)
	switch {
	case d.mode == wire.ModeFullDuplex && streamed:
		d.onDuplexReply(mutation.GetStreamedResponse())
	case d.mode == wire.ModeFullDuplex || streamed:
		d.x.spurious("form of a body reply")
	case d.awaiting == chunkReplies:
		d.onChunkReply(r.GetHeaderMutation(), mutation)
	case d.awaiting == bodyReply:
		d.onBufferedReply(r.GetHeaderMutation(), mutation)
	default:
		d.x.spurious("body")
	}
}

// mutated returns the body that m makes of data.
func mutated(data []byte, m *extproc.BodyMutation) []byte {
	switch m := m.GetMutation().(type) {
	case *extproc.BodyMutation_Body:
		return m.Body
	case *extproc.BodyMutation_ClearBody:
		if m.ClearBody {
			return nil
		}
	}
	return data
}

func (d *direction) onBufferedReply(headers *extproc.HeaderMutation, m *extproc.BodyMutation) {
	d.disarm()
	if !d.mutate(&d.headers, headers) {
		return
	}
	held := d.unhold()
	rest := held[d.sent:] // BUFFERED_PARTIAL: the rest passes unprocessed
	data := mutated(held[:d.sent:d.sent], m)
	if length, ok := d.headers.get("content-length"); ok && m.GetMutation() != nil && length != strconv.Itoa(len(data)) {
		d.x.fail(http.StatusInternalServerError, "mismatch_between_content_length_and_the_length_of_the_mutated_body")
		return
	}
	d.awaiting = nothing
	d.hold(data)
	d.hold(rest)
	d.advance()
}

func (d *direction) onChunkReply(headers *extproc.HeaderMutation, m *extproc.BodyMutation) {
	d.disarm()
	if !d.released && !d.mutate(&d.headers, headers) { // a mutation of headers that were emitted is ignored
		return
	}
	c := d.chunks[0]
	d.chunks = d.chunks[1:]
	d.release()
	d.emit(mutated(c.data, m))
	if len(d.chunks) == 0 {
		d.awaiting = nothing
		d.advance()
	}
}

// onDuplexReply enforces the grammar of FULL_DUPLEX_STREAMED.
func (d *direction) onDuplexReply(r *extproc.StreamedBodyResponse) {
	switch {
	case d.finished, d.awaiting == headersReply, d.headers == nil:
		d.x.spurious("body")
		return
	case r.GetEndOfStream() && !d.ended:
		d.x.spurious("end_of_stream that was not received")
		return
	}
	d.emit(r.GetBody())
	if r.GetEndOfStream() {
		d.finish()
	}
}

func (d *direction) onTrailersReply(m *extproc.HeaderMutation) {
	due := d.awaiting == trailersReply
	if d.mode == wire.ModeFullDuplex {
		due = d.trailersSent && !d.finished && d.awaiting == nothing
	}
	if !due {
		d.x.spurious("trailers")
		return
	}
	if !d.mutate(&d.trailers, m) {
		return
	}
	d.finish()
}

package dataplane

import (
	"io"
	"net/http"
	"time"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// awaiting is the reply without which a direction cannot continue: Envoy's
// callback state.
type awaiting uint8

const (
	nothing       awaiting = iota
	headersReply           // also in FULL_DUPLEX_STREAMED, where the body does not wait for it
	bodyReply              // of BUFFERED and BUFFERED_PARTIAL
	chunkReplies           // of STREAMED, one for each of chunks
	trailersReply          // not in FULL_DUPLEX_STREAMED
)

// A direction is the state machine of the request or of the response.
type direction struct {
	x       *exchange
	request bool

	sendHeaders, sendTrailers bool // mode_override may change these three
	mode                      wire.BodyMode

	headers    fields // nil: not received
	headersEnd bool   // no body follows
	held       []byte // body that came and was neither emitted nor sent as a chunk
	hasData    bool   // held will become a message, even if it is empty
	ended      bool   // the body is complete and no trailers follow
	trailers   fields // nil: not received
	read       bool   // the source was read to its end

	awaiting     awaiting
	chunks       []chunk // STREAMED: sent and not answered
	first        bool    // a message of this direction was sent
	bodySent     bool    // BUFFERED, BUFFERED_PARTIAL: the one message was sent
	sent         int     // bytes of held in that message
	trailersSent bool
	timer        *time.Timer
	timerSet     int // which setting of the timer counts

	frozen   bool // content-length was removed for good
	replaced bool // CONTINUE_AND_REPLACE: the original body is dropped
	released bool // the headers were emitted
	finished bool // all of it was emitted
	dropped  bool // the rest will never be emitted
	out      *outlet
	gauge    *gauge
}

type chunk struct {
	data []byte
	end  bool
}

func newDirection(x *exchange, request bool) *direction {
	m := &x.proxy.config.Mode
	d := &direction{
		x: x, request: request, mode: m.ResponseBody,
		sendHeaders: m.ResponseHeaders, sendTrailers: m.ResponseTrailers, gauge: newGauge(),
	}
	if request {
		d.mode, d.sendHeaders, d.sendTrailers = m.RequestBody, m.RequestHeaders, m.RequestTrailers
	}
	d.out = newOutlet(d.gauge)
	return d
}

// onHeaders handles the arrival of headers.
func (d *direction) onHeaders(f fields, end bool) {
	d.headers, d.headersEnd, d.ended = f, end, end
	if d.x.processing() && d.sendHeaders {
		d.sendHeaderMessage()
		d.await(headersReply)
		d.freeze()
		return
	}
	if d.x.processing() {
		d.freeze()
		d.release() // headers that are not sent do not wait for replies to the body
	}
	d.advance()
}

// onData handles the arrival of a piece of the body. The last piece has end and
// may be empty.
func (d *direction) onData(data []byte, end bool) {
	d.ended = d.ended || end
	if d.finished || d.replaced {
		return
	}
	d.hold(data)
	d.hasData = d.hasData || len(data) > 0 || d.x.processing()
	switch {
	case !d.x.processing():
	case d.mode == wire.ModeFullDuplex,
		d.mode == wire.ModeStreamed && d.awaiting == chunkReplies,
		d.mode == wire.ModeStreamed && d.awaiting == headersReply && d.x.proxy.config.SendBodyWithoutWaiting:
		d.sendChunk()
		return
	case d.mode == wire.ModeBuffered && len(d.held) > d.x.proxy.config.BufferLimit:
		d.overflow()
		return
	}
	d.advance()
}

// onTrailers handles the arrival of trailers, which end the body.
func (d *direction) onTrailers(f fields) {
	d.trailers = f
	if d.finished || d.replaced {
		return
	}
	if d.x.processing() && d.mode == wire.ModeFullDuplex {
		d.sendTrailerMessage()
		return
	}
	d.advance()
}

// overflow handles a body that is too large to be buffered.
func (d *direction) overflow() {
	if d.request {
		d.x.localReply(http.StatusRequestEntityTooLarge, "Payload Too Large")
		return
	}
	d.x.answer(http.StatusInternalServerError, nil, []byte("Internal Server Error"))
}

// advance takes every step that is possible now.
func (d *direction) advance() {
	if d.awaiting != nothing || d.headers == nil || d.finished {
		return
	}
	if d.x.processing() && !d.advanceBody() {
		return
	}
	d.release()
	d.emit(d.unhold())
	switch {
	case d.trailers != nil && d.x.processing() && d.sendTrailers && !d.trailersSent:
		d.sendTrailerMessage()
		d.await(trailersReply)
	case d.trailers != nil || d.ended:
		d.finish()
	}
}

// advanceBody sends what can be sent of the body, and reports whether the held
// bytes may be emitted.
func (d *direction) advanceBody() bool {
	over := d.ended || d.trailers != nil
	switch d.mode {
	case wire.ModeBuffered, wire.ModeBufferedPartial:
		full := d.mode == wire.ModeBufferedPartial && len(d.held) >= d.x.proxy.config.BufferLimit
		switch {
		case d.bodySent:
		case !over && !full:
			return false
		case d.hasData:
			d.sendBodyMessage()
			d.await(bodyReply)
			return false
		}
		d.bodySent = true
	case wire.ModeStreamed:
		if d.hasData { // headers that are still here wait for the reply
			d.sendChunk()
			return false
		}
	case wire.ModeFullDuplex:
		d.release()
		if d.hasData { // the body came before mode_override
			d.sendChunk()
		}
		return d.headersEnd // replies drive everything else
	}
	return true
}

// freeze removes the content-length where Envoy does.
func (d *direction) freeze() {
	switch {
	case d.x.proxy.config.AllowContentLength:
	case d.mode == wire.ModeStreamed, d.mode == wire.ModeFullDuplex, d.mode == wire.ModeBufferedPartial,
		d.mode == wire.ModeBuffered && !d.sendHeaders:
		d.headers.remove("content-length")
		d.frozen = true
	}
}

func (d *direction) hold(data []byte) {
	d.gauge.add(len(data))
	d.held = append(d.held, data...)
}

// unhold returns the held bytes, which the caller owns then.
func (d *direction) unhold() []byte {
	data := d.held
	d.gauge.add(-len(data))
	d.held, d.hasData = nil, false
	return data
}

// release emits the headers.
func (d *direction) release() {
	if d.released {
		return
	}
	d.released = true
	if d.request {
		d.x.forward()
	} else {
		d.x.respond()
	}
}

func (d *direction) emit(data []byte) { d.out.write(data) }

// finish emits the end, and the trailers if there are any.
func (d *direction) finish() {
	if d.finished {
		return
	}
	d.release()
	d.finished = true
	d.awaiting = nothing
	d.disarm()
	d.out.end(io.EOF)
	d.x.settle()
}

// abandon emits nothing more: the receiver's body breaks off.
func (d *direction) abandon() {
	d.finished, d.dropped = true, true
	d.awaiting = nothing
	d.disarm()
	d.out.end(io.ErrUnexpectedEOF)
}

// bypass emits everything as it came. Bytes that FULL_DUPLEX_STREAMED has sent
// are lost.
func (d *direction) bypass() {
	d.awaiting = nothing
	d.disarm()
	if d.headers == nil || d.finished {
		return
	}
	d.release()
	for _, c := range d.chunks {
		d.emit(c.data)
	}
	d.chunks = nil
	d.advance()
}

// replaceBy replaces the response by one of our own.
func (d *direction) replaceBy(f fields, text []byte) {
	d.awaiting = nothing
	d.disarm()
	d.unhold()
	d.chunks, d.headers, d.trailers = nil, f, nil
	d.release()
	d.emit(text)
	d.finish()
}

// settled reports whether the processor will say nothing more about this
// direction.
func (d *direction) settled() bool {
	switch {
	case d.finished || d.replaced:
		return true
	case d.awaiting != nothing, d.headers == nil && d.sendHeaders:
		return false
	}
	return d.headersEnd || d.mode == wire.ModeNone && !d.sendTrailers
}

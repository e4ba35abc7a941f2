package dataplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// An exchange is one HTTP request and its response: Envoy's filter. All of its
// state belongs to the goroutine of ServeHTTP, which runs events one by one, as
// Envoy's worker does. Other goroutines read, write and wait, and post events.
type exchange struct {
	proxy      *Proxy
	writer     http.ResponseWriter
	client     *http.Request
	ctx        context.Context // ends with the exchange
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
	events     chan func()

	side              *side // nil: nothing was sent yet
	request, response *direction
	unprocessed       bool // no message is sent any more, and replies are ignored
	answered          bool // the response headers are being sent to the client
	over              bool
	broken            bool               // reset the client rather than end the response
	announced         []string           // names of the request's trailers
	upgraded          io.ReadWriteCloser // the upstream's side of a 101
}

// ServeHTTP sends one exchange through the processor. A response that breaks
// off panics with http.ErrAbortHandler, which resets the connection or stream.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{proxy: p, writer: w, client: r, events: make(chan func())}
	x.ctx, x.cancel = context.WithCancel(r.Context())
	x.request, x.response = newDirection(x, true), newDirection(x, false)
	// HTTP/2 is always full duplex, and returns an error.
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	x.begin()
	for !x.over {
		select {
		case event := <-x.events:
			event()
		case <-r.Context().Done():
			x.abort()
		}
	}
	x.closeSide()
	x.cancel()
	for _, d := range [...]*direction{x.request, x.response} {
		d.disarm()
		d.gauge.release()
		d.out.end(context.Canceled)
	}
	if !x.request.read {
		_ = control.SetReadDeadline(time.Unix(1, 0)) // wakes the reader of an HTTP/1 body
	}
	x.goroutines.Wait()
	if x.broken {
		panic(http.ErrAbortHandler)
	}
}

// post runs event in the event loop, unless the exchange has ended.
func (x *exchange) post(event func()) {
	select {
	case x.events <- event:
	case <-x.ctx.Done():
	}
}

func (x *exchange) begin() {
	r := x.client
	if code := x.proxy.config.Faults.LocalReply; code != 0 {
		x.request.read = r.Body == http.NoBody
		x.localReply(code, http.StatusText(code))
		return
	}
	if r.Body == nil || r.Body == http.NoBody {
		x.request.read = true
		x.request.onHeaders(requestFields(r), !upgrade(r.Header))
		return
	}
	for name := range r.Trailer {
		x.announced = append(x.announced, name) // reading the body changes the map
	}
	x.request.onHeaders(requestFields(r), false)
	x.goroutines.Go(func() { x.request.pump(r.Body, &r.Trailer) })
}

// processing reports whether messages can still be sent.
func (x *exchange) processing() bool { return !x.unprocessed && !x.over }

// send queues a message. The first message opens the stream.
func (x *exchange) send(m message) {
	if x.side == nil {
		x.side = newSide(x)
		x.proxy.Stats.Streams.Add(1)
		if !x.proxy.config.NoProtocolConfig {
			m.ProtocolConfig = x.protocol()
		}
	}
	x.side.send(m)
}

// closeSide ends the stream when nothing more is needed of it, as Envoy does.
func (x *exchange) closeSide() {
	if x.side != nil && !x.side.closed {
		x.side.closed = true
		x.side.finish(!x.proxy.config.Faults.HalfClose)
	}
	x.unprocessed = true
}

// settle closes the stream early, if Faults ask for it and if possible.
func (x *exchange) settle() {
	if x.proxy.config.Faults.EarlyClose && x.side != nil && x.request.settled() && x.response.settled() {
		x.closeSide()
	}
}

// sideEnded handles the end of the stream. err is nil if the processor closed
// it with OK.
func (x *exchange) sideEnded(err error) {
	if x.side.closed || x.over {
		return
	}
	x.side.closed = true
	x.side.finish(true)
	if err != nil {
		x.proxy.Stats.Failed.Add(1)
		x.fail(http.StatusInternalServerError, "ext_proc_error_gRPC_error")
		return
	}
	x.unprocessed = true
	if !x.request.settled() || !x.response.settled() {
		x.proxy.Stats.Bypassed.Add(1)
	}
	x.request.bypass()
	x.response.bypass()
}

// spurious ends the exchange because of an unexpected reply.
func (x *exchange) spurious(details string) {
	x.proxy.Stats.Spurious.Add(1)
	x.fail(http.StatusInternalServerError, "ext_proc_spurious_message: "+details)
}

// fail sends an error without a text, or resets a response that has begun. The
// error is not processed.
func (x *exchange) fail(code int, details string) {
	if f := x.proxy.config.Details; f != nil {
		f(details)
	}
	x.answer(code, nil, nil)
}

// answer ends the exchange with a response of our own.
func (x *exchange) answer(code int, headers fields, text []byte) {
	x.closeSide()
	if x.answered {
		x.broken, x.over = true, true
		return
	}
	x.request.abandon()
	f := append(fields{{":status", strconv.Itoa(code)}}, headers...)
	if _, ok := f.get("content-type"); !ok && len(text) > 0 {
		f.add("content-type", "text/plain")
	}
	f.set("content-length", strconv.Itoa(len(text)))
	x.response.replaceBy(f, text)
}

// localReply responds as another filter or the router would: the response is
// processed like any other.
func (x *exchange) localReply(code int, text string) {
	if x.answered || x.response.headers != nil {
		x.closeSide()
		x.broken, x.over = true, true
		return
	}
	x.request.abandon()
	f := fields{{":status", strconv.Itoa(code)}, {"content-length", strconv.Itoa(len(text))}, {"content-type", "text/plain"}}
	x.response.onHeaders(f, text == "")
	if text != "" {
		x.response.onData([]byte(text), true)
	}
}

// abort handles a client that has disconnected.
func (x *exchange) abort() {
	x.closeSide()
	x.broken, x.over = true, true
}

var errReset = errors.New("dataplane: the client reset the request on purpose")

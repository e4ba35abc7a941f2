package dataplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// readSize is how much is read of a body at once.
const readSize = 64 << 10

// pump reads a body and posts it in pieces, pausing while too much is under way.
func (d *direction) pump(source io.Reader, trailers *http.Header) {
	x := d.x
	faults := &x.proxy.config.Faults
	buf := make([]byte, readSize)
	for i, total := 0, 0; ; i++ {
		d.gauge.wait(x.proxy.config.BufferLimit)
		n, err := readChunk(source, buf, faults.chunk(i))
		if total += n; d.request && faults.ResetAfter > 0 && total > faults.ResetAfter {
			err = errReset
		}
		if data := bytes.Clone(buf[:n]); n > 0 {
			x.post(func() { d.onData(data, false) })
		}
		if err == nil {
			continue
		}
		x.post(func() { d.onSourceEnd(err, trailers) })
		return
	}
}

// readChunk reads exactly size bytes if there are as many, or what there is when size is 0.
func readChunk(r io.Reader, buf []byte, size int) (n int, err error) {
	if size == 0 {
		return r.Read(buf)
	}
	size = min(size, len(buf))
	for n < size && err == nil {
		var k int
		k, err = r.Read(buf[n:size])
		n += k
	}
	return n, err
}

func (d *direction) onSourceEnd(err error, trailers *http.Header) {
	d.read = errors.Is(err, io.EOF)
	switch {
	case !d.read: // the peer is gone; a response that has begun breaks off
		if !d.finished {
			d.x.abort()
		}
	case present(*trailers):
		var f fields
		f.addAll(*trailers)
		d.onTrailers(f)
	default:
		d.onData(nil, true)
	}
}

// present reports whether trailers came, and were not only announced.
func present(h http.Header) bool {
	for _, v := range h {
		if len(v) > 0 {
			return true
		}
	}
	return false
}

// forward sends the request upstream.
func (x *exchange) forward() {
	d := x.request
	r, err := d.headers.request(x.proxy.config.Upstream)
	if err != nil {
		x.fail(http.StatusBadRequest, "path: not a request target")
		return
	}
	if d.headersEnd || r.ContentLength == 0 || upgrade(x.client.Header) {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Body = &body{outlet: d.out}
		x.forwardTrailers(r)
	}
	r = r.WithContext(x.ctx)
	x.goroutines.Go(func() {
		response, err := x.proxy.transport.RoundTrip(r)
		if err != nil {
			x.post(func() { x.onUpstreamError() })
			return
		}
		defer response.Body.Close()
		x.receive(response)
	})
}

// forwardTrailers has the trailers that the client announced sent, as they are at the end.
func (x *exchange) forwardTrailers(r *http.Request) {
	if len(x.announced) == 0 {
		return
	}
	r.ContentLength = -1 // trailers need chunks
	r.Trailer = make(http.Header)
	for _, name := range x.announced {
		r.Trailer[name] = nil
	}
	x.request.out.atEnd = func() {
		for _, f := range x.request.trailers {
			if name := http.CanonicalHeaderKey(f.name); r.Trailer != nil {
				r.Trailer[name] = append(r.Trailer[name], f.value)
			}
		}
	}
}

func (x *exchange) onUpstreamError() {
	if !x.request.dropped {
		x.localReply(http.StatusServiceUnavailable, "upstream connect error or disconnect/reset before headers")
	}
}

// receive posts the response of the upstream.
func (x *exchange) receive(r *http.Response) {
	if r.StatusCode == http.StatusSwitchingProtocols {
		x.post(func() {
			x.upgraded, _ = r.Body.(io.ReadWriteCloser)
			x.response.onHeaders(responseFields(r), false)
		})
		<-x.ctx.Done() // the tunnel has the connection
		return
	}
	end := r.ContentLength == 0 || x.client.Method == http.MethodHead ||
		r.StatusCode == http.StatusNoContent || r.StatusCode == http.StatusNotModified
	wanted := make(chan bool, 1)
	x.post(func() {
		ok := !x.request.dropped // else there is an answer already
		if wanted <- ok; ok {
			x.response.onHeaders(responseFields(r), end)
		}
	})
	select {
	case ok := <-wanted:
		if ok && !end {
			x.response.pump(r.Body, &r.Trailer)
		}
	case <-x.ctx.Done():
	}
}

// respond sends the response downstream.
func (x *exchange) respond() {
	x.answered = true
	headers := x.response.headers
	if !x.request.read && x.client.ProtoMajor == 1 {
		// net/http cannot reuse a connection whose request was answered before it was read.
		x.writer.Header().Set("Connection", "close")
	}
	write := x.write
	if x.upgraded != nil {
		write = x.tunnel
	}
	x.goroutines.Go(func() {
		err := write(headers)
		x.post(func() {
			x.over = true
			x.broken = err != nil && !errors.Is(err, context.Canceled)
		})
	})
}

// write writes the response as it becomes available.
func (x *exchange) write(headers fields) error {
	h := x.writer.Header()
	h["Content-Type"] = nil // no guessing
	for name, values := range headers.header() {
		h[name] = values
	}
	if x.response.headersEnd && x.client.Method != http.MethodHead && h["Content-Length"] == nil {
		h.Set("Content-Length", "0") // as Envoy's codec does; net/http drops it from 204 and 304
	}
	status, _ := headers.get(":status")
	code, _ := strconv.Atoi(status)
	x.writer.WriteHeader(code)
	control := http.NewResponseController(x.writer)
	// Headers that are all there is have to leave with the end: gRPC wants them so.
	for flush := !x.response.headersEnd; ; {
		if flush {
			if err := control.Flush(); err != nil {
				return err
			}
		}
		data, more, err := x.response.out.next()
		if errors.Is(err, io.EOF) {
			x.writeTrailers(h)
			return nil
		}
		if err != nil {
			return err
		}
		if flush = !more; x.client.Method == http.MethodHead {
			continue
		}
		if _, err := x.writer.Write(data); err != nil {
			return err
		}
	}
}

func (x *exchange) writeTrailers(h http.Header) {
	for _, f := range x.response.trailers {
		if !strings.HasPrefix(f.name, ":") {
			h.Add(http.TrailerPrefix+http.CanonicalHeaderKey(f.name), f.value)
		}
	}
}

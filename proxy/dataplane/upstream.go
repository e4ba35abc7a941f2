package dataplane

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// readSize is how many bytes of a body are read at once.
const readSize = 64 << 10

// pump reads a body and posts it in pieces. It pauses while too many bytes are
// held.
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

// readChunk reads size bytes or up to the end of the body. With size 0 it reads
// what is there.
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
	case !d.read: // the connection broke; a response that has begun breaks off
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

// present reports whether trailers came: they may only have been announced.
func present(h http.Header) bool {
	for _, v := range h {
		if len(v) > 0 {
			return true
		}
	}
	return false
}

// forward sends the request to the upstream.
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

// forwardTrailers sends the trailers that the client announced, as they are at
// the end.
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
		ok := !x.request.dropped // otherwise there is a response already
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

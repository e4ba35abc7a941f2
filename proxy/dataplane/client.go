package dataplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// respond sends the response to the client.
func (x *exchange) respond() {
	x.answered = true
	headers := x.response.headers
	if !x.request.read && x.client.ProtoMajor == 1 {
		// net/http cannot reuse a connection whose request was answered before it was
		// read.
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
	h["Content-Type"] = nil // disables detection
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
	// Headers without a body must leave with the end of the stream: gRPC requires
	// it.
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

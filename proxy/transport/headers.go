package transport

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// headers opens a stream, or ends the peer's side of one with trailers.
func (c *conn) headers(f *http2.MetaHeadersFrame) error {
	id := f.StreamID
	if f.HasPriority() {
		if err := selfDependent(id, f.Priority); err != nil {
			c.lastID = max(c.lastID, id)
			return err
		}
	}
	if id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if id <= c.lastID {
		return c.trailers(f)
	}
	c.lastID = id
	c.mu.Lock()
	ignored, refused := id > c.accepted, uint64(len(c.streams)) >= c.srv.opts.streams()
	c.mu.Unlock()
	switch {
	case ignored:
		return nil
	case refused:
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeRefusedStream}
	}
	st := newStream(c, id)
	st.silent, st.ended = f.StreamEnded(), f.StreamEnded()
	httpStatus, err := st.readHeaders(f)
	switch {
	case err == errMalformed:
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case err != nil:
		return c.answer(st, httpStatus, err)
	}
	c.start(st)
	return nil
}

// streams is the bound on streams of a connection.
func (o *Options) streams() uint64 {
	if o.Streams == 0 {
		return defaultStreams
	}
	return uint64(o.Streams)
}

// start has st handled. A peer that opens and resets streams faster than their handlers
// can end (CVE-2023-44487), or that does not read its answers, is read no further meanwhile.
func (c *conn) start(st *stream) {
	st.begin()
	c.mu.Lock()
	for !c.broken && (uint64(c.handlers) >= 2*c.srv.opts.streams() || c.out.batch.size > 2*maxQueued) {
		c.room.Wait()
	}
	st.window = c.out.initial
	c.streams[st.id] = st
	c.handlers++
	c.mu.Unlock()
	c.srv.handlers.Add(1)
	c.srv.workers.run(st)
}

// trailers takes HEADERS of a stream that there is or was.
func (c *conn) trailers(f *http2.MetaHeadersFrame) error {
	c.mu.Lock()
	st, ignored := c.streams[f.StreamID], f.StreamID > c.accepted
	c.mu.Unlock()
	switch {
	case ignored:
		return nil
	case st == nil || st.silent:
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case !f.StreamEnded() || len(f.PseudoFields()) > 0:
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	return st.halfClose()
}

// readHeaders takes what gRPC says in the request headers. An error is the status to end
// the stream with; the HTTP status is 200 unless the request is not gRPC at all.
func (st *stream) readHeaders(f *http2.MetaHeadersFrame) (httpStatus int, err error) {
	if f.Truncated {
		return 200, status.Error(codes.ResourceExhausted, "the request headers are too long")
	}
	var verb, path, contentType, encoding, timeout string
	var md metadata.MD
	for i := range f.Fields {
		h := &f.Fields[i]
		switch h.Name {
		case ":method":
			verb = h.Value
		case ":path":
			path = h.Value
		case ":authority":
			st.authority = h.Value
		case "content-type":
			contentType = h.Value
		case "grpc-encoding":
			encoding = h.Value
		case "grpc-timeout":
			timeout = h.Value
		case "content-length":
			if !st.announce(h.Value) {
				return 0, errMalformed
			}
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
			return 0, errMalformed
		case "te":
			if h.Value != "trailers" {
				return 0, errMalformed
			}
		default:
			if slices.Contains(st.conn.srv.opts.Metadata, h.Name) {
				if md == nil {
					md = make(metadata.MD, 1)
				}
				md.Append(h.Name, h.Value)
			}
		}
	}
	if verb == "" || path == "" || f.PseudoValue("scheme") == "" || f.StreamEnded() && st.due > 0 {
		return 0, errMalformed
	}
	st.metadata = md
	if timeout != "" {
		var ok bool
		if st.timeout, ok = parseTimeout(timeout); !ok {
			return 200, status.Errorf(codes.Internal, "grpc-timeout %.20q is not one", timeout)
		}
	}
	return st.readCall(verb, path, contentType, encoding)
}

// announce takes content-length, which the lengths of all DATA have to add up to (RFC 9113 8.1.1).
func (st *stream) announce(length string) bool {
	n, err := strconv.ParseUint(length, 10, 63)
	if err != nil || st.due >= 0 && st.due != int64(n) {
		return false
	}
	st.due = int64(n)
	return true
}

// readCall finds the method.
func (st *stream) readCall(verb, path, contentType, encoding string) (httpStatus int, err error) {
	st.method = st.conn.srv.methods[path]
	rest, grpc := strings.CutPrefix(contentType, "application/grpc")
	switch {
	case verb != "POST":
		return 405, status.Error(codes.Internal, "gRPC needs POST")
	case !grpc || rest != "" && rest[0] != '+' && rest[0] != ';':
		return 415, status.Error(codes.Internal, "gRPC needs the content type application/grpc")
	case encoding != "" && encoding != "identity":
		return 200, status.Errorf(codes.Unimplemented, "grpc-encoding %.20q is not supported: send messages uncompressed", encoding)
	case st.method == nil:
		return 200, status.Errorf(codes.Unimplemented, "unknown method %.100q", path)
	}
	return 200, nil
}

var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// parseTimeout reads grpc-timeout: up to 8 digits and a unit.
func parseTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit, ok := timeoutUnits[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !ok || err != nil {
		return 0, false
	}
	const most = time.Duration(1<<63 - 1)
	if time.Duration(n) > most/unit {
		return most, true
	}
	return max(time.Duration(n)*unit, 1), true // 0 would be no bound
}

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

// readHeaders reads the request headers of st. err is errMalformed, or the gRPC
// status that ends the stream. httpStatus is 200 unless the request is not gRPC
// at all.
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
			n, err := strconv.ParseUint(h.Value, 10, 63)
			if err != nil || !st.setContentLength(int64(n)) {
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
	if verb == "" || path == "" || f.PseudoValue("scheme") == "" || f.StreamEnded() && st.contentLeft > 0 {
		return 0, errMalformed
	}
	st.metadata = md
	if timeout != "" {
		var ok bool
		if st.timeout, ok = parseTimeout(timeout); !ok {
			return 200, status.Errorf(codes.Internal, "malformed grpc-timeout %.20q", timeout)
		}
	}
	return st.findMethod(verb, path, contentType, encoding)
}

// findMethod finds the method that the request calls.
func (st *stream) findMethod(verb, path, contentType, encoding string) (httpStatus int, err error) {
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

// parseTimeout parses grpc-timeout: up to 8 digits and a unit.
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
	return max(time.Duration(n)*unit, 1), true // 0 would mean no timeout
}

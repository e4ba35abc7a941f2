package transport

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var (
	fieldOK   = hpack.HeaderField{Name: ":status", Value: "200"}
	fieldGRPC = hpack.HeaderField{Name: "content-type", Value: "application/grpc"}
)

// conclude queues the trailers that say how st ended, and, where the peer may still be
// sending, that it need not (RFC 9113 8.1). The caller holds mu.
func (c *conn) conclude(st *stream, httpStatus int, err error) {
	fields := make([]hpack.HeaderField, 0, 5)
	if !st.headed {
		fields = append(fields, hpack.HeaderField{Name: ":status", Value: strconv.Itoa(httpStatus)}, fieldGRPC)
	}
	c.out.headers(st.id, true, append(fields, trailers(err)...)...)
	st.mu.Lock()
	ended := st.ended
	st.mu.Unlock()
	if !ended {
		c.out.reset(st.id, http2.ErrCodeNo)
	}
}

// trailers returns err as gRPC has it in trailers: what a handler returns that is no
// status is Unknown, or what the context says.
func trailers(err error) []hpack.HeaderField {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	} else if err != nil && s.Code() == codes.OK {
		s = status.New(codes.Unknown, err.Error()) // a wrapped "all is well" is none
	}
	fields := []hpack.HeaderField{{Name: "grpc-status", Value: strconv.Itoa(int(s.Code()))}}
	if m := s.Message(); m != "" {
		fields = append(fields, hpack.HeaderField{Name: "grpc-message", Value: percent(m)})
	}
	if len(s.Proto().GetDetails()) > 0 {
		if b, err := proto.Marshal(s.Proto()); err == nil && len(b) <= maxText {
			fields = append(fields, hpack.HeaderField{Name: "grpc-status-details-bin", Value: base64.RawStdEncoding.EncodeToString(b)})
		}
	}
	return fields
}

// maxText bounds what is said of a status, so that trailers fit a frame.
const maxText = 2 << 10

// percent encodes a status message as PROTOCOL-HTTP2.md says, and cuts it between characters.
func percent(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= ' ' && r <= '~' && r != '%' {
			b = append(b, byte(r))
		} else {
			for _, c := range []byte(string(r)) {
				b = fmt.Appendf(b, "%%%02X", c)
			}
		}
		if len(b) >= maxText {
			break
		}
	}
	return string(b)
}

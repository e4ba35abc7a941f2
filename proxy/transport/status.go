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

// queueStatus queues the trailers that end st. If the peer has not closed its
// side, it also queues a reset that asks the peer to stop sending (RFC 9113
// section 8.1). The caller holds mu.
func (c *conn) queueStatus(st *stream, httpStatus int, err error) {
	fields := make([]hpack.HeaderField, 0, 5)
	if !st.headersSent {
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

// trailers returns err as gRPC trailers. An error without a status is Unknown,
// Canceled or DeadlineExceeded.
func trailers(err error) []hpack.HeaderField {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	} else if err != nil && s.Code() == codes.OK {
		s = status.New(codes.Unknown, err.Error()) // an error must not become OK
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

// maxText limits the message and the details of a status, in bytes, so that
// trailers fit a frame.
const maxText = 2 << 10

// percent encodes a status message as PROTOCOL-HTTP2.md says. It cuts a message
// that is too long between characters.
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

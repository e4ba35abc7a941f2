package grpc

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

// Unary is Connect without streams: a body is one message without a frame. The
// settings are those of [Format]. A message that is JSON, and an error, are of
// the type application/json, and are bodies in JSON like any other.
var Unary = codec.Format{
	Name:          unary.name,
	MediaTypes:    []string{"application/proto"},
	Check:         check,
	Writer:        newUnary,
	HoldsEnvelope: protobuf.HoldsEnvelope,
}

var unary = protocol{name: "connect-unary"}

// newUnary is Format.Writer. The path may have a query: that of a GET, whose
// response this is.
func newUnary(b codec.Body) (codec.Writer, error) {
	path, _, _ := strings.Cut(b.Path, "?")
	m, unknown, err := methodOf(unary, &b, path)
	if err != nil {
		return nil, err
	}
	return protobuf.NewWriter(unary.name, &b, m.Types[b.Direction], unknown), nil
}

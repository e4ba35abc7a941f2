// Package grpc is the body formats of gRPC: [Format], gRPC-Web: [Web], streams
// of Connect: [Connect], and Connect without streams: [Unary]. Messages are of
// protobuf, or JSON: [JSON], [WebJSON] and [ConnectJSON].
//
// A body is a sequence of messages. Each is the root $ of its own, and package
// protobuf says what paths find in it. The path of the request names the
// method, and with it the type of the messages of a request and of a response.
//
// A compressed message is decoded, in the coding that a header names (see
// codec.Body.Encoding): gzip, br or zstd. If a value in it changes, it is
// encoded again; otherwise it leaves as it came.
//
// The formats refuse, where rules are, a method that the schema does not have.
// Everywhere they refuse:
//
//   - Messages that are compressed in another way or without such a header, and
//     what coding.Messages refuses.
//   - A second message where the method has one.
//   - Frames with flags that the protocol does not have, and what comes after
//     the last frame of gRPC-Web and Connect.
//
// One message is held until it is complete: see [protobuf.MaxMessage]. A
// compressed one is held in both forms. Headers and trailers are not bodies:
// grpc-message and grpc-status-details-bin are not read.
package grpc

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

// Format is gRPC. Its settings are schema, the file of a FileDescriptorSet with
// all its imports and services, and unknown, refuse or allow.
var Format = format(protocol{name: "grpc"}, "application/grpc", "application/grpc+proto")

// Web is gRPC-Web, whose responses end with a frame of trailers.
var Web = format(protocol{name: "grpc-web", last: webLast}, "application/grpc-web", "application/grpc-web+proto")

// Connect is the streams of Connect, whose responses end with a frame of JSON.
var Connect = format(protocol{name: "connect", last: connectLast}, "application/connect+proto")

func format(p protocol, mediaTypes ...string) codec.Format {
	return codec.Format{
		Name:          p.name,
		MediaTypes:    mediaTypes,
		Check:         check,
		Writer:        func(b codec.Body) (codec.Writer, error) { return newWriter(p, &b) },
		HoldsEnvelope: protobuf.HoldsEnvelope,
	}
}

// checked is what Check returns.
type checked struct {
	methods map[string]protobuf.Method // by path; nil without rules
	unknown bool                       // unknown fields are allowed
}

// check is Format.Check.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(codec.SchemaSetting, protobuf.UnknownSetting); err != nil {
		return nil, err
	}
	unknown, err := protobuf.Unknown(o)
	if err != nil {
		return nil, err
	}
	c := &checked{unknown: unknown}
	if root := sel.Root(); !protobuf.HasRules(&root) {
		return c, nil
	}
	compiler, err := protobuf.NewCompiler(sel, o)
	if err != nil {
		return nil, err
	}
	c.methods, err = compiler.Methods(o.Takes)
	return c, err
}

// Package formats lists the body formats that sealmesh reads. A format is added
// by a line here and a folder beside this one.
//
// The list is a package of its own, above the formats and below policy and
// proxy: codec knows no format, a format knows only codec, and nothing
// registers itself. Who needs formats imports this package.
package formats

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/csv"
	"github.com/sealmesh/sealmesh/codec/form"
	"github.com/sealmesh/sealmesh/codec/grpc"
	"github.com/sealmesh/sealmesh/codec/json"
	"github.com/sealmesh/sealmesh/codec/multipart"
	"github.com/sealmesh/sealmesh/codec/protobuf"
	"github.com/sealmesh/sealmesh/codec/sse"
	"github.com/sealmesh/sealmesh/codec/xml"
)

// documents are the formats that a part of a form can have.
var documents = codec.Table{&json.Format, &json.Lines, &json.Sequence, &csv.Format, &csv.TSV, &xml.Format}

var events = sse.Format(&json.Format)

// Frames whose messages are JSON.
var (
	grpcJSON    = grpc.JSON(&json.Format)
	webJSON     = grpc.WebJSON(&json.Format)
	connectJSON = grpc.ConnectJSON(&json.Format)
)

var parts = multipart.New(documents)

// table is not changed once the program runs.
var table = codec.Table{
	&json.Format,
	&json.Lines,
	&json.Sequence,
	&events,
	&parts,
	&csv.Format,
	&csv.TSV,
	&protobuf.Format,
	&form.Format,
	&xml.Format,
	&grpc.Format,
	&grpc.Web,
	&grpc.Connect,
	&grpc.Unary,
	&grpcJSON,
	&webJSON,
	&connectJSON,
}

// Table returns all formats. The caller must not change the result.
func Table() codec.Table { return table }

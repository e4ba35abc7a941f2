package grpc

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

// JSON is gRPC whose messages are JSON, which data reads. The settings are
// schema, as for [Format]: it has the names of fields. A field has two names in
// the JSON of protobuf, and a rule for either finds it. Of the types of the
// schema nothing is used: messages of every method are read.
func JSON(data *codec.Format) codec.Format {
	return jsonFormat(protocol{name: "grpc-json"}, data, "application/grpc+json")
}

// WebJSON is [JSON] for gRPC-Web.
func WebJSON(data *codec.Format) codec.Format {
	return jsonFormat(protocol{name: "grpc-web-json", last: webLast}, data, "application/grpc-web+json")
}

// ConnectJSON is [JSON] for streams of Connect.
func ConnectJSON(data *codec.Format) codec.Format {
	return jsonFormat(protocol{name: "connect-json", last: connectLast}, data, "application/connect+json")
}

func jsonFormat(p protocol, data *codec.Format, mediaType string) codec.Format {
	frames := codec.Format{
		Name: p.name,
		Scan: func(b codec.Body, tags *codec.Splicer) (codec.Scanner, error) { return scanFrames(p, data, b, tags) },
	}
	return codec.Format{
		Name:       p.name,
		MediaTypes: []string{mediaType},
		Check: func(sel *codec.Selector, o codec.Options) (any, error) {
			return checkJSON(data, sel, o)
		},
		Writer: func(b codec.Body) (codec.Writer, error) {
			w, err := frames.New(b)
			if err != nil || !isCoded(&b) {
				return w, err
			}
			return newCoded(w, p, &b, longestMessage(&b)), nil
		},
		HoldsEnvelope: data.HoldsEnvelope,
	}
}

// longestMessage returns the length of the longest message of a body.
func longestMessage(b *codec.Body) int {
	if b.Limits.BodyBytes > 0 {
		return int(min(b.Limits.BodyBytes, protobuf.MaxMessage))
	}
	return protobuf.MaxMessage
}

// checkedJSON is what checkJSON returns.
type checkedJSON struct {
	sel  *codec.Selector // finds fields by both names
	data any             // what data.Check has returned
}

// checkJSON is Format.Check.
func checkJSON(data *codec.Format, sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(codec.SchemaSetting); err != nil {
		return nil, err
	}
	if root := sel.Root(); protobuf.HasRules(&root) {
		pairs, err := protobuf.JSONNames(o)
		if err != nil {
			return nil, err
		}
		if sel, err = sel.WithTwins(pairs); err != nil {
			return nil, err
		}
	}
	inner, err := data.Check(sel, codec.Options{})
	if err != nil {
		return nil, err
	}
	return &checkedJSON{sel, inner}, nil
}

package keyuse

import (
	"fmt"
	"maps"
	"slices"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// A request is an opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest
// in two parts, so that the spans are never copied: head holds everything before them.
type request struct {
	head, body []byte
	spans      int
}

// newRequest puts spans of one resource in front of their envelope of messages:
// {resource_spans {resource, scope_spans {scope, spans…}}}.
func newRequest(resource, body []byte, spans int) *request {
	var scope []byte
	scope = protowire.AppendTag(scope, 1, protowire.BytesType)
	scope = protowire.AppendString(scope, scopeName)

	scoped := protowire.SizeTag(1) + protowire.SizeBytes(len(scope)) + len(body)
	whole := protowire.SizeTag(1) + protowire.SizeBytes(len(resource)) + protowire.SizeTag(2) + protowire.SizeBytes(scoped)

	head := make([]byte, 0, 32+len(resource)+len(scope))
	head = protowire.AppendTag(head, 1, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(whole))
	head = protowire.AppendTag(head, 1, protowire.BytesType)
	head = protowire.AppendBytes(head, resource)
	head = protowire.AppendTag(head, 2, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(scoped))
	head = protowire.AppendTag(head, 1, protowire.BytesType)
	head = protowire.AppendBytes(head, scope)
	return &request{head: head, body: body, spans: spans}
}

// appendResource appends an opentelemetry.proto.resource.v1.Resource, in order
// of name.
func appendResource(b []byte, attributes map[string]string) []byte {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		var value, pair []byte
		value = protowire.AppendTag(value, 1, protowire.BytesType)
		value = protowire.AppendString(value, attributes[name])
		pair = protowire.AppendTag(pair, 1, protowire.BytesType)
		pair = protowire.AppendString(pair, name)
		pair = protowire.AppendTag(pair, 2, protowire.BytesType)
		pair = protowire.AppendBytes(pair, value)
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, pair)
	}
	return b
}

// validResource returns resource with every string in UTF-8. Segments of earlier
// versions may hold one that is not, and a collector refuses every batch with it.
func validResource(resource []byte) []byte {
	if proto.Unmarshal(resource, &resourcepb.Resource{}) == nil {
		return slices.Clone(resource)
	}
	attributes := map[string]string{}
	eachField(resource, func(_ protowire.Number, _ uint64, pair []byte) {
		var name, value string
		eachField(pair, func(num protowire.Number, _ uint64, s []byte) {
			if num == 1 {
				name = fit(string(s), len(s))
				return
			}
			eachField(s, func(_ protowire.Number, _ uint64, text []byte) { value = fit(string(text), len(text)) })
		})
		attributes[name] = value
	})
	return appendResource(nil, attributes)
}

// An answer is what an acknowledgement says besides: OTLP's partial success. Its
// spans must not be sent again.
type answer struct {
	rejected uint64
	message  string
}

// parseAnswer reads an ExportTraceServiceResponse. Nothing else acknowledges.
func parseAnswer(b []byte) (answer, error) {
	var resp coltracepb.ExportTraceServiceResponse
	if err := proto.Unmarshal(b, &resp); err != nil {
		return answer{}, fmt.Errorf("the answer is no ExportTraceServiceResponse: %w", err)
	}
	p := resp.GetPartialSuccess()
	// A count below zero becomes more than there are: all of them.
	return answer{uint64(p.GetRejectedSpans()), p.GetErrorMessage()}, nil
}

// eachField calls f for each field of a message until it ends or is malformed.
func eachField(b []byte, f func(num protowire.Number, v uint64, s []byte)) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return
		}
		b = b[n:]
		var v uint64
		var s []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			s, n = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return
		}
		f(num, v, s)
		b = b[n:]
	}
}

package otlp

import (
	"fmt"
	"maps"
	"slices"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ScopeName is the name of the instrumentation scope of all key-use spans. It
// is permanent: readers of the spans see it.
const ScopeName = "github.com/sealmesh/sealmesh/keycache/keyuse"

// A Request is an
// opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest. It has two
// parts, so that spans are never copied.
type Request struct {
	Head  []byte // everything before the spans
	Body  []byte // encoded ScopeSpans.spans fields
	Spans int    // number of spans in Body
}

// NewRequest wraps encoded spans for export. resource is an encoded Resource:
// see [AppendResource]. The result refers to body and does not copy it:
// {resource_spans {resource, scope_spans {scope, spans…}}}.
func NewRequest(resource, body []byte, spans int) *Request {
	var scope []byte
	scope = protowire.AppendTag(scope, 1, protowire.BytesType)
	scope = protowire.AppendString(scope, ScopeName)

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
	return &Request{Head: head, Body: body, Spans: spans}
}

// AppendResource appends an opentelemetry.proto.resource.v1.Resource with
// attributes in order of name.
func AppendResource(b []byte, attributes map[string]string) []byte {
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

// ValidResource returns an encoded resource, or a copy of it in which every
// string is UTF-8. Earlier versions of sealmesh wrote other strings too, and a
// collector refuses every batch with such a resource.
func ValidResource(resource []byte) []byte {
	if proto.Unmarshal(resource, &resourcepb.Resource{}) == nil {
		return resource
	}
	attributes := map[string]string{}
	eachField(resource, func(_ protowire.Number, _ uint64, pair []byte) {
		var name, value string
		eachField(pair, func(num protowire.Number, _ uint64, s []byte) {
			if num == 1 {
				name = Fit(string(s), len(s))
				return
			}
			eachField(s, func(_ protowire.Number, _ uint64, text []byte) { value = Fit(string(text), len(text)) })
		})
		attributes[name] = value
	})
	return AppendResource(nil, attributes)
}

// An Answer acknowledges a request. The collector may have refused some of its
// spans (OTLP's partial success); they must not be sent again.
type Answer struct {
	Rejected uint64 // spans that the collector refused; may exceed the batch
	Message  string // for an operator; "" if the collector has nothing to say
}

// parseAnswer decodes an ExportTraceServiceResponse. Nothing else acknowledges.
func parseAnswer(b []byte) (Answer, error) {
	var resp coltracepb.ExportTraceServiceResponse
	if err := proto.Unmarshal(b, &resp); err != nil {
		return Answer{}, fmt.Errorf("the answer is no ExportTraceServiceResponse: %w", err)
	}
	p := resp.GetPartialSuccess()
	// A negative count becomes a large one, which means all spans.
	return Answer{uint64(p.GetRejectedSpans()), p.GetErrorMessage()}, nil
}

// eachField calls f for each field of a message, up to the first malformed one.
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

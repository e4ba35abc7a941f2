package wire

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// decodeGenerated decodes a message with the generated code, which copies. It
// is for messages for which decode returns errUnusual.
func (r *Request) decodeGenerated(message []byte) error {
	var m extproc.ProcessingRequest
	if err := proto.Unmarshal(message, &m); err != nil {
		return errMalformed
	}
	r.Observability = m.GetObservabilityMode()
	if p := m.GetProtocolConfig(); p != nil {
		r.protocol = Protocol{BodyMode(p.GetRequestBodyMode()), BodyMode(p.GetResponseBodyMode())}
		r.Protocol = &r.protocol
	}
	r.attributes = appendAttributes(r.attributes, m.GetAttributes())
	switch q := m.GetRequest().(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		r.setHeaders(RequestHeaders, q.RequestHeaders)
	case *extproc.ProcessingRequest_ResponseHeaders:
		r.setHeaders(ResponseHeaders, q.ResponseHeaders)
	case *extproc.ProcessingRequest_RequestBody:
		r.setBody(RequestBody, q.RequestBody)
	case *extproc.ProcessingRequest_ResponseBody:
		r.setBody(ResponseBody, q.ResponseBody)
	case *extproc.ProcessingRequest_RequestTrailers:
		r.setMap(RequestTrailers, q.RequestTrailers.GetTrailers())
	case *extproc.ProcessingRequest_ResponseTrailers:
		r.setMap(ResponseTrailers, q.ResponseTrailers.GetTrailers())
	}
	return nil
}

func (r *Request) setHeaders(phase Phase, h *extproc.HttpHeaders) {
	r.setMap(phase, h.GetHeaders())
	r.EndOfStream = h.GetEndOfStream()
	r.deprecated = appendAttributes(r.deprecated, h.GetAttributes())
}

func (r *Request) setBody(phase Phase, b *extproc.HttpBody) {
	r.Phase = phase
	r.EndOfStream = b.GetEndOfStream()
	if body := b.GetBody(); len(body) > 0 {
		r.body = append(r.body, body)
	}
}

func (r *Request) setMap(phase Phase, m *corev3.HeaderMap) {
	r.Phase = phase
	for _, h := range m.GetHeaders() {
		value := h.GetRawValue()
		if len(value) == 0 {
			value = []byte(h.GetValue())
		}
		r.headers = append(r.headers, header{[]byte(h.GetKey()), value})
	}
}

func appendAttributes(dst []attribute, m map[string]*structpb.Struct) []attribute {
	for name, v := range m[attributeNamespace].GetFields() {
		_, text := v.GetKind().(*structpb.Value_StringValue)
		dst = append(dst, attribute{[]byte(name), []byte(v.GetStringValue()), text})
	}
	return dst
}

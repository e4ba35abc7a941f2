package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

var testCodec = messageCodec{encoding.GetCodecV2(grpcproto.Name)}

// A view is all that a Request tells, in plain values.
type view struct {
	Phase                      Phase
	EndOfStream, Observability bool
	Protocol                   *Protocol
	Headers                    [][2]string
	Body                       string
	Attributes                 map[string]string
}

// viewOf reads what r tells about itself, and about the attributes named.
func viewOf(r *Request, names []string) view {
	v := view{
		r.Phase, r.EndOfStream, r.Observability,
		nil, nil, string(bytes.Join(r.Body(), nil)), map[string]string{},
	}
	if r.Protocol != nil {
		p := *r.Protocol
		v.Protocol = &p
	}
	for name, value := range r.Headers {
		v.Headers = append(v.Headers, [2]string{string(name), string(value)})
	}
	for _, name := range names {
		if s, ok := r.Attribute(name); ok {
			v.Attributes[name] = s
		}
	}
	return v
}

// viewOfGenerated is what viewOf has to be, and the names of all attributes.
func viewOfGenerated(m *extproc.ProcessingRequest) (v view, names []string) {
	v = view{
		Observability: m.ObservabilityMode,
		Attributes:    map[string]string{},
	}
	if p := m.ProtocolConfig; p != nil {
		v.Protocol = &Protocol{BodyMode(p.RequestBodyMode), BodyMode(p.ResponseBodyMode)}
	}
	var fields [2]map[string]*structpb.Value
	fields[1] = m.Attributes[attributeNamespace].GetFields()
	headers := func(p Phase, h *extproc.HttpHeaders) {
		v.Phase, v.EndOfStream = p, h.GetEndOfStream()
		v.Headers = pairs(h.GetHeaders())
		fields[0] = h.GetAttributes()[attributeNamespace].GetFields()
	}
	body := func(p Phase, b *extproc.HttpBody) {
		v.Phase, v.EndOfStream, v.Body = p, b.GetEndOfStream(), string(b.GetBody())
	}
	switch q := m.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		headers(RequestHeaders, q.RequestHeaders)
	case *extproc.ProcessingRequest_ResponseHeaders:
		headers(ResponseHeaders, q.ResponseHeaders)
	case *extproc.ProcessingRequest_RequestBody:
		body(RequestBody, q.RequestBody)
	case *extproc.ProcessingRequest_ResponseBody:
		body(ResponseBody, q.ResponseBody)
	case *extproc.ProcessingRequest_RequestTrailers:
		v.Phase, v.Headers = RequestTrailers, pairs(q.RequestTrailers.GetTrailers())
	case *extproc.ProcessingRequest_ResponseTrailers:
		v.Phase, v.Headers = ResponseTrailers, pairs(q.ResponseTrailers.GetTrailers())
	}
	for _, f := range fields { // fields[1], of the message, wins
		for name, value := range f {
			names = append(names, name)
			delete(v.Attributes, name)
			if s, ok := value.GetKind().(*structpb.Value_StringValue); ok {
				v.Attributes[name] = s.StringValue
			}
		}
	}
	return v, names
}

func pairs(m *corev3.HeaderMap) (list [][2]string) {
	for _, h := range m.GetHeaders() {
		value := string(h.GetRawValue())
		if value == "" {
			value = h.GetValue()
		}
		list = append(list, [2]string{h.GetKey(), value})
	}
	return list
}

// A counter is a buffer pool that knows how many buffers are out.
type counter struct{ out int }

func (c *counter) Get(n int) *[]byte { panic("not used") }
func (c *counter) Put(b *[]byte)     { c.out--; clear(*b) }

// split copies data to buffers of the given pool, cut where r says.
func (c *counter) split(data []byte, r *rand.Rand) mem.BufferSlice {
	var s mem.BufferSlice
	for len(data) > 0 {
		n := 1 + r.IntN(len(data))
		if r.IntN(3) == 0 {
			n = min(n, 1+r.IntN(3))
		}
		b := append(make([]byte, 0, 2048), data[:n]...) // mem counts above 1 KiB of capacity
		s = append(s, mem.NewBuffer(&b, c))
		c.out++
		data = data[n:]
	}
	return s
}

// checkRequest decodes data as it is and cut by seed, and compares both with
// the generated code.
func checkRequest(t *testing.T, data []byte, seed uint64) {
	t.Helper()
	var m extproc.ProcessingRequest
	wantErr := proto.Unmarshal(data, &m)
	want, names := viewOfGenerated(&m)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for _, whole := range []bool{true, false} {
		var pool counter
		buffers := mem.BufferSlice{mem.SliceBuffer(data)}
		if !whole {
			buffers = pool.split(data, rnd)
		}
		r := new(Request)
		err := testCodec.Unmarshal(buffers, r)
		buffers.Free() // as grpc does
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("whole=%v: error %v, generated code says %v", whole, err, wantErr)
		}
		if err == nil {
			if got := viewOf(r, names); !reflect.DeepEqual(got, want) {
				t.Fatalf("whole=%v:\n got %+v\nwant %+v", whole, got, want)
			}
		} else if got := viewOf(r, nil); !reflect.DeepEqual(got, view{Attributes: map[string]string{}}) {
			t.Fatalf("whole=%v: a malformed message left %+v", whole, got)
		}
		r.reset()
		if pool.out != 0 {
			t.Fatalf("%d buffers were not freed", pool.out)
		}
	}
}

func headerMap(pairs ...string) *corev3.HeaderMap {
	m := new(corev3.HeaderMap)
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

func attributes(t testing.TB, namespace string, fields map[string]any) map[string]*structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*structpb.Struct{namespace: s}
}

// messages are requests as Envoy and grpc-go send them, and a few that nobody
// does.
func messages(t testing.TB) map[string]*extproc.ProcessingRequest {
	full := headerMap(":method", "POST", ":path", "/customers/7", "content-type", "application/json", "x", "")
	full.Headers = append(full.Headers, &corev3.HeaderValue{Key: "old", Value: "not raw"})
	attrs := attributes(t, attributeNamespace, map[string]any{"request.path": "/p", "request.method": "PUT", "n": 1.5, "b": true, "null": nil})
	deep := attributes(t, attributeNamespace, map[string]any{"request.path": "/p", "list": []any{"a", map[string]any{"b": "c"}}})
	foreign := attributes(t, "other", map[string]any{"request.path": "/evil"})
	body := func(n int, eos bool) *extproc.HttpBody {
		return &extproc.HttpBody{Body: bytes.Repeat([]byte("0123456789"), n/10), EndOfStream: eos}
	}
	return map[string]*extproc.ProcessingRequest{
		"empty": {},
		"request headers": {
			Request:        &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: &extproc.HttpHeaders{Headers: full, EndOfStream: true}},
			ProtocolConfig: &extproc.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_BUFFERED, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED},
			Attributes:     attrs,
		},
		"response headers, deprecated attributes": {
			Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extproc.HttpHeaders{Headers: full, Attributes: attrs}},
		},
		"list attribute":    {Request: &extproc.ProcessingRequest_RequestBody{RequestBody: body(50, false)}, Attributes: deep},
		"foreign namespace": {Request: &extproc.ProcessingRequest_RequestBody{RequestBody: body(50, false)}, Attributes: foreign},
		"body":              {Request: &extproc.ProcessingRequest_RequestBody{RequestBody: body(3000, true)}, ObservabilityMode: true},
		"empty body":        {Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: body(0, true)}},
		"nil body":          {Request: &extproc.ProcessingRequest_ResponseBody{}},
		"grpc body": {
			Request:         &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{EndOfStreamWithoutMessage: true, EndOfStream: true, GrpcMessageCompressed: true}},
			FlowControlInit: &extproc.ProcessingRequest_FlowControlInit{InitialWindowDownstreamToSidestream: 65536},
		},
		"request trailers":  {Request: &extproc.ProcessingRequest_RequestTrailers{RequestTrailers: &extproc.HttpTrailers{Trailers: headerMap("grpc-status", "0")}}},
		"response trailers": {Request: &extproc.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extproc.HttpTrailers{}}},
		"window update":     {ClientWindowUpdate: &extproc.ProcessingRequest_ClientWindowUpdate{WindowIncrementSidestreamToUpstream: -1}},
	}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequestMatchesGeneratedCode(t *testing.T) {
	for name, m := range messages(t) {
		t.Run(name, func(t *testing.T) {
			data := marshal(t, m)
			for seed := range uint64(20) {
				checkRequest(t, data, seed)
			}
			for i := range min(len(data), 400) { // every truncation
				checkRequest(t, data[:i], uint64(i))
			}
		})
	}
}

// Concatenating messages merges them: the unusual cases.
func TestRequestMergesLikeGeneratedCode(t *testing.T) {
	all := messages(t)
	for a, first := range all {
		for b, second := range all {
			data := append(marshal(t, first), marshal(t, second)...)
			t.Run(a+" and "+b, func(t *testing.T) { checkRequest(t, data, uint64(len(data))) })
		}
	}
}

func TestRequestOddWireFormats(t *testing.T) {
	field := func(n protowire.Number, b ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
	}
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	raw := func(b ...byte) []byte { return b }
	badUTF8 := raw(0xff)
	for name, data := range map[string][]byte{
		"group":                    raw(2<<3|3, 2<<3|4),
		"group never ends":         raw(2<<3 | 3),
		"group inside headers":     field(2, 5<<3|3, 5<<3|4),
		"end group":                raw(2<<3 | 4),
		"wire type 6":              raw(2<<3 | 6),
		"field number 0":           raw(0, 0),
		"field number too large":   raw(0x82, 0x80, 0x80, 0x80, 0x10, 0),
		"varint too long":          bytes.Repeat(raw(0xff), 11),
		"padded varint":            raw(0xd0, 0x80, 0, 0x81, 0x80, 0),
		"phase as varint":          raw(2<<3, 1),
		"body as varint":           field(4, 1<<3, 1),
		"end of stream as bytes":   field(4, field(2, 1)...),
		"end of stream 2":          field(4, 2<<3, 2),
		"two bodies in one":        field(4, join(field(1, 'a'), field(1, 'b'))...),
		"two header maps":          field(2, join(field(1, field(1, field(1, 'a')...)...), field(1, field(1, field(1, 'b')...)...))...),
		"two trailer maps":         field(6, join(field(1, field(1, field(1, 'a')...)...), field(1, field(1, field(1, 'b')...)...))...),
		"name not UTF-8":           field(2, field(1, field(1, field(1, badUTF8...)...)...)...),
		"value not UTF-8":          field(2, field(1, field(1, field(2, badUTF8...)...)...)...),
		"raw value not UTF-8":      field(2, field(1, field(1, field(3, badUTF8...)...)...)...),
		"value and raw value":      field(2, field(1, field(1, join(field(3, 'r'), field(2, 'v'), field(1, 'k'))...)...)...),
		"attribute key not UTF-8":  field(9, join(field(1, badUTF8...), field(2))...),
		"attribute name not UTF-8": field(9, field(2, field(1, field(1, badUTF8...)...)...)...),
		"attribute not UTF-8":      field(9, field(2, field(1, field(2, field(3, badUTF8...)...)...)...)...),
		"two values in an entry":   field(9, join(field(2), field(2, field(1)...))...),
		"body length past the end": raw(4<<3|2, 2, 1<<3|2, 9),
		"unknown fields":           join(field(100, 1, 2), raw(0xf8, 0x07, 1), field(4, join(field(77), raw(9<<3|5, 0, 0, 0, 0, 9<<3|1, 0, 0, 0, 0, 0, 0, 0, 0))...)),
		"fixed cut off":            raw(14<<3|1, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				checkRequest(t, data, seed)
			}
		})
	}
}

// metadata_context is of no use here and may be large: it is not looked into.
func TestRequestPassesMetadataOver(t *testing.T) {
	data := protowire.AppendBytes([]byte{8<<3 | 2}, []byte("not a Metadata\xff"))
	r := new(Request)
	if err := testCodec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, r); err != nil || r.Phase != None {
		t.Fatalf("phase %v, error %v", r.Phase, err)
	}
}

// Body returns views of the transport's buffers, which live until Free.
func TestBodyIsNotCopied(t *testing.T) {
	message := marshal(t, &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{
		RequestBody: &extproc.HttpBody{Body: bytes.Repeat([]byte("abc"), 5000)},
	}})
	var pool counter
	head, tail := bytes.Clone(message[:6000]), bytes.Clone(message[6000:])
	pool.out = 2
	buffers := mem.BufferSlice{mem.NewBuffer(&head, &pool), mem.NewBuffer(&tail, &pool)}
	r := new(Request)
	if err := testCodec.Unmarshal(buffers, r); err != nil {
		t.Fatal(err)
	}
	buffers.Free()
	if pool.out != 2 {
		t.Fatalf("%d buffers held, want 2", pool.out)
	}
	body := r.Body()
	if len(body) != 2 || &body[1][0] != &tail[0] || &body[0][len(body[0])-1] != &head[len(head)-1] {
		t.Fatalf("%d pieces, or copies", len(body))
	}
	if cap(body[0]) != len(body[0]) || cap(body[1]) != len(body[1]) {
		t.Error("appending to a piece would write into the transport's buffer")
	}
	r.reset()
	if pool.out != 0 {
		t.Fatalf("%d buffers held after Free", pool.out)
	}
}

package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// generated is the message that r has to read back as.
func generated(r *Reply) *extproc.ProcessingResponse {
	m := new(extproc.ProcessingResponse)
	if r.Immediate != nil {
		m.Response = &extproc.ProcessingResponse_ImmediateResponse{ImmediateResponse: generatedImmediate(r.Immediate)}
		return m
	}
	if r.Mode != nil {
		m.ModeOverride = &filterv3.ProcessingMode{
			RequestBodyMode:  filterv3.ProcessingMode_BodySendMode(r.Mode.Request),
			ResponseBodyMode: filterv3.ProcessingMode_BodySendMode(r.Mode.Response),
		}
	}
	mutation := generatedMutation(r.Set, r.Remove)
	var common *extproc.CommonResponse // absent in a constant reply
	if !r.plain() {
		common = &extproc.CommonResponse{HeaderMutation: mutation}
	}
	body := bytes.Join(r.Segments, nil)
	switch r.Body {
	case BodyReplaced:
		common.BodyMutation = &extproc.BodyMutation{Mutation: &extproc.BodyMutation_Body{Body: body}}
	case BodyStreamed:
		common.BodyMutation = &extproc.BodyMutation{Mutation: &extproc.BodyMutation_StreamedResponse{
			StreamedResponse: &extproc.StreamedBodyResponse{Body: body, EndOfStream: r.End},
		}}
	}
	switch r.Phase {
	case RequestHeaders:
		m.Response = &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{Response: common}}
	case ResponseHeaders:
		m.Response = &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{Response: common}}
	case RequestBody:
		m.Response = &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{Response: common}}
	case ResponseBody:
		m.Response = &extproc.ProcessingResponse_ResponseBody{ResponseBody: &extproc.BodyResponse{Response: common}}
	case RequestTrailers:
		m.Response = &extproc.ProcessingResponse_RequestTrailers{RequestTrailers: &extproc.TrailersResponse{HeaderMutation: mutation}}
	case ResponseTrailers:
		m.Response = &extproc.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extproc.TrailersResponse{HeaderMutation: mutation}}
	}
	return m
}

func generatedImmediate(r *Immediate) *extproc.ImmediateResponse {
	m := &extproc.ImmediateResponse{
		Status: &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)}, Headers: generatedMutation(r.Headers, nil),
		Body: r.Body, Details: r.Details,
	}
	if r.GRPCStatus >= 0 {
		m.GrpcStatus = &extproc.GrpcStatus{Status: uint32(r.GRPCStatus)}
	}
	return m
}

func generatedMutation(set []Header, remove []string) *extproc.HeaderMutation {
	if len(set)+len(remove) == 0 {
		return nil
	}
	m := &extproc.HeaderMutation{RemoveHeaders: remove}
	for _, h := range set {
		m.SetHeaders = append(m.SetHeaders, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h.Name, RawValue: []byte(h.Value)},
			Append: wrapperspb.Bool(h.Append),
		})
	}
	return m
}

// checkReply marshals r, reads it back through the generated code, and holds
// Release to its promise.
func checkReply(t *testing.T, r *Reply) {
	t.Helper()
	released := 0
	r.Release = func() { released++ }
	want := generated(r)
	large := 0
	for _, s := range r.Segments {
		if len(s) > maxCopied {
			large++
		}
	}
	out, err := testCodec.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if borrowed := r.Immediate == nil && large > 0; borrowed == (released == 1) {
		t.Errorf("released %d times after Marshal, %d segments are borrowed", released, large)
	}
	got := new(extproc.ProcessingResponse)
	if err := testCodec.Unmarshal(out, got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
	reader := out.Reader() // as the transport reads
	out.Free()
	if _, err := reader.Discard(reader.Remaining()); err != nil {
		t.Error(err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if released != 1 {
		t.Errorf("released %d times in the end", released)
	}
}

// segments cuts n bytes into pieces of the sizes given, again and again.
func segments(n int, sizes ...int) (list [][]byte) {
	text := []byte(strings.Repeat("0123456789abcdef", n/16+1)[:n])
	for i := 0; len(text) > 0; i++ {
		k := min(max(sizes[i%len(sizes)], 1), len(text))
		list, text = append(list, text[:k]), text[k:]
	}
	return list
}

func replies() map[string]*Reply {
	set := []Header{{Name: "content-length", Value: "17"}, {Name: "x-empty"}, {Name: "x-bytes", Value: "\xff\x00"}, {Name: "x-empty", Value: "2", Append: true}}
	all := map[string]*Reply{
		"headers set":         {Phase: RequestHeaders, Set: set, Remove: []string{"etag", ""}},
		"headers mode":        {Phase: ResponseHeaders, Mode: &Protocol{ModeNone, ModeFullDuplex}},
		"headers all":         {Phase: RequestHeaders, Mode: &Protocol{ModeBuffered, ModeStreamed}, Set: set, Remove: []string{"a"}},
		"body set":            {Phase: RequestBody, Set: set},
		"trailers set":        {Phase: RequestTrailers, Set: set, Remove: []string{"a"}},
		"trailers remove":     {Phase: ResponseTrailers, Remove: []string{"a", "b"}},
		"replaced by nothing": {Phase: RequestBody, Body: BodyReplaced},
		"streamed nothing":    {Phase: ResponseBody, Body: BodyStreamed},
		"streamed end":        {Phase: ResponseBody, Body: BodyStreamed, End: true},
		"immediate":           {Immediate: &Immediate{Status: 415, GRPCStatus: -1}},
		"immediate all": {Immediate: &Immediate{
			Status: 503, Headers: set, Body: bytes.Repeat([]byte("b"), 5000), GRPCStatus: 14, Details: "sealmesh_refused",
		}},
		"immediate, body unused": {Phase: RequestBody, Immediate: &Immediate{Status: 500, GRPCStatus: 0}, Segments: segments(9000, 9000)},
	}
	for p := RequestHeaders; p <= ResponseTrailers; p++ {
		all[fmt.Sprint("plain ", p)] = &Reply{Phase: p}
	}
	for _, n := range []int{1, 100, maxCopied, maxCopied + 1, maxRun, maxRun + 1, 3 * maxRun} {
		for name, sizes := range map[string][]int{
			"whole": {n}, "small": {50, 3, 400}, "mixed": {50, maxCopied + 1, 200, 3 * maxCopied, maxCopied},
		} {
			all[fmt.Sprint("replaced ", n, " ", name)] = &Reply{Phase: RequestBody, Set: set, Body: BodyReplaced, Segments: segments(n, sizes...)}
			all[fmt.Sprint("streamed ", n, " ", name)] = &Reply{Phase: ResponseBody, Body: BodyStreamed, End: n%2 == 0, Segments: segments(n, sizes...)}
		}
	}
	return all
}

func TestReplyMatchesGeneratedCode(t *testing.T) {
	for name, r := range replies() {
		t.Run(name, func(t *testing.T) { checkReply(t, r) })
	}
}

func TestReplyThatMeansNothingIsRefused(t *testing.T) {
	for name, r := range map[string]*Reply{
		"no phase":               {},
		"no such phase":          {Phase: ResponseTrailers + 1},
		"no such body reply":     {Phase: RequestBody, Body: BodyStreamed + 1},
		"body in headers":        {Phase: RequestHeaders, Body: BodyReplaced},
		"body in trailers":       {Phase: ResponseTrailers, Body: BodyStreamed},
		"segments for no body":   {Phase: RequestBody, Segments: segments(1, 1)},
		"end of replaced body":   {Phase: RequestBody, Body: BodyReplaced, End: true},
		"mode in body":           {Phase: RequestBody, Mode: &Protocol{}},
		"set name not UTF-8":     {Phase: RequestHeaders, Set: []Header{{Name: "\xff"}}},
		"removed name not UTF-8": {Phase: RequestHeaders, Remove: []string{"\xff"}},
		"details not UTF-8":      {Immediate: &Immediate{Details: "\xff"}},
		"immediate name":         {Immediate: &Immediate{Headers: []Header{{Name: "\xff"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			released := 0
			r.Release = func() { released++ }
			if out, err := testCodec.Marshal(r); err == nil {
				t.Errorf("marshalled to %d bytes", out.Len())
			}
			if released != 1 {
				t.Errorf("released %d times", released)
			}
		})
	}
}

// Large segments are not copied.
func TestSegmentsAreBorrowed(t *testing.T) {
	s := segments(3*maxCopied, maxCopied+1, 10)
	out, err := testCodec.Marshal(&Reply{Phase: RequestBody, Body: BodyReplaced, Segments: s})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Free()
	if got := out[1].ReadOnlyData(); &got[0] != &s[0][0] || len(got) != len(s[0]) {
		t.Error("the first segment was copied")
	}
}

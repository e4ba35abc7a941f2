package proxy

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procfilter "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// The messages of a stream, as Envoy would send them.
type msg = pb.ProcessingRequest

type mode = procfilter.ProcessingMode_BodySendMode

const (
	none     = procfilter.ProcessingMode_NONE
	buffered = procfilter.ProcessingMode_BUFFERED
	partial  = procfilter.ProcessingMode_BUFFERED_PARTIAL
	streamed = procfilter.ProcessingMode_STREAMED
	duplex   = procfilter.ProcessingMode_FULL_DUPLEX_STREAMED
	grpcMode = procfilter.ProcessingMode_GRPC
)

func headersOf(kv ...string) *corev3.HeaderMap {
	m := new(corev3.HeaderMap)
	for i := 0; i < len(kv); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: kv[i], RawValue: []byte(kv[i+1])})
	}
	return m
}

func reqHead(path string, end bool, kv ...string) *msg {
	kv = append([]string{":method", "POST", ":path", path, ":authority", "h"}, kv...)
	return &msg{Request: &pb.ProcessingRequest_RequestHeaders{RequestHeaders: &pb.HttpHeaders{Headers: headersOf(kv...), EndOfStream: end}}}
}

func respHead(code string, end bool, kv ...string) *msg {
	kv = append([]string{":status", code}, kv...)
	return &msg{Request: &pb.ProcessingRequest_ResponseHeaders{ResponseHeaders: &pb.HttpHeaders{Headers: headersOf(kv...), EndOfStream: end}}}
}

func reqBody(b string, end bool) *msg {
	return &msg{Request: &pb.ProcessingRequest_RequestBody{RequestBody: &pb.HttpBody{Body: []byte(b), EndOfStream: end}}}
}

func respBody(b string, end bool) *msg {
	return &msg{Request: &pb.ProcessingRequest_ResponseBody{ResponseBody: &pb.HttpBody{Body: []byte(b), EndOfStream: end}}}
}

func reqTrailers() *msg {
	return &msg{Request: &pb.ProcessingRequest_RequestTrailers{RequestTrailers: new(pb.HttpTrailers)}}
}

// first makes m the first message of a stream that announces both body modes.
func first(m *msg, request, response mode) *msg {
	m.ProtocolConfig = &pb.ProtocolConfiguration{RequestBodyMode: request, ResponseBodyMode: response}
	return m
}

func withPath(m *msg, path string) *msg {
	m.Attributes = attributes(map[string]any{attrPath: path, attrMethod: "POST", attrHost: "h", attrType: "application/json"})
	return m
}

func attributes(m map[string]any) map[string]*structpb.Struct {
	s, err := structpb.NewStruct(m)
	if err != nil {
		panic(err)
	}
	return map[string]*structpb.Struct{"envoy.filters.http.ext_proc": s}
}

const jsonType = "application/json"

var secretBody = `{"secret":"` + canary + `"}`

// process opens a stream on a connection of its own.
func (r *rig) process(t *testing.T, ctx context.Context, opts ...grpc.DialOption) pb.ExternalProcessor_ProcessClient {
	t.Helper()
	opts = append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("unix:"+r.socket, opts...)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	s, err := pb.NewExternalProcessorClient(conn).Process(ctx)
	must(t, err)
	return s
}

// play sends messages one by one, each after the replies to the one before, and
// then ends the stream as end says. It returns all replies and how the stream
// ended.
func (r *rig) play(t *testing.T, msgs []*msg, replies []int, halfClose bool) ([]*pb.ProcessingResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := r.process(t, ctx)
	var got []*pb.ProcessingResponse
	for i, m := range msgs {
		if err := s.Send(m); err != nil {
			break // Recv says why
		}
		for range replies[i] {
			resp, err := s.Recv()
			if err != nil {
				return got, err
			}
			got = append(got, resp)
			if resp.GetImmediateResponse() != nil {
				return rest(s, got)
			}
		}
	}
	if !halfClose {
		return got, nil
	}
	return rest(s, got)
}

// rest half-closes, and adds what still comes to got.
func rest(s pb.ExternalProcessor_ProcessClient, got []*pb.ProcessingResponse) ([]*pb.ProcessingResponse, error) {
	_ = s.CloseSend()
	for {
		resp, err := s.Recv()
		if err != nil {
			return got, err
		}
		got = append(got, resp)
	}
}

func n(replies ...int) []int { return replies }

// What is refused ends with an immediate response of that code, and then with
// an error, and nothing that was sent before has a value in clear.
func TestRefusedSequences(t *testing.T) {
	r := newRig(t, rigOptions{policy: streamedPolicy})
	observed := first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none)
	observed.ObservabilityMode = true
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
		code    string
	}{
		{"no protocol_config", []*msg{reqHead("/seal/x", false, "content-type", jsonType)}, n(1), codeMode},
		{"NONE", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), none, none)}, n(1), codeMode},
		{"NONE, without a body", []*msg{first(reqHead("/seal/x", true), none, none)}, n(1), codeMode},
		{"NONE the other way", []*msg{first(reqHead("/both/x", true), buffered, none)}, n(1), codeMode},
		{"BUFFERED_PARTIAL", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), partial, none)}, n(1), codeMode},
		{"GRPC", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), grpcMode, none)}, n(1), codeMode},
		{"observability", []*msg{observed}, n(1), codeMode},
		{"unmatched", []*msg{first(reqHead("/nowhere", false), buffered, none)}, n(1), codeUnmatched},
		{"ambiguous path", []*msg{first(reqHead("/seal/../x", false), buffered, none)}, n(1), codePath},
		{"upgrade", []*msg{first(reqHead("/seal/x", false, "upgrade", "websocket"), buffered, none)}, n(1), codeUpgrade},
		{"headers twice", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqHead("/seal/x", false)}, n(1, 1), codeProtocol},
		{"body before all", []*msg{first(reqBody(secretBody, true), buffered, none)}, n(1), codeProtocol},
		{"type twice", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType, "content-type", "text/plain"), buffered, none)}, n(1), codeType},
		{"encoding", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType, "content-encoding", "x-gzip"), buffered, none)}, n(1), codeEncoding},
		{"no type", []*msg{first(reqHead("/seal/x", false), buffered, none), reqBody(secretBody, true)}, n(1, 1), codeType},
		{"malformed", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqBody(secretBody+"]", true)}, n(1, 1), "body_malformed"},
		{"too long", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqBody(`"`+strings.Repeat("x", 256<<10)+`"`, true)}, n(1, 1), codeLarge},
		{"streamed, malformed later", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), reqBody(`{"secret":"`+canary+`",`, false), reqBody(`}`, true)}, n(1, 1, 1), "body_malformed"},
		{"cut by trailers", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), reqBody(`{"secret":`, false), reqTrailers()}, n(1, 1, 1), "body_truncated"},
		{"held back at trailers", []*msg{first(reqHead("/root/x", false, "content-type", jsonType), streamed, none), reqBody(`17`, false), reqTrailers()}, n(1, 1, 1), codeTrailers},
		{"no host", []*msg{first(&msg{Request: &pb.ProcessingRequest_RequestHeaders{RequestHeaders: &pb.HttpHeaders{Headers: headersOf(":method", "POST", ":path", "/seal/x")}}}, buffered, none)}, n(1), codeProtocol},
		{"206", []*msg{first(reqHead("/open/x", true), buffered, buffered), respHead("206", false, "content-type", jsonType)}, n(1, 1), codePartial},
		{"response body without headers", []*msg{first(reqHead("/open/x", true), buffered, buffered), respBody(secretBody, true)}, n(1, 1), codeProtocol},
		{"part of a request", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType, "content-range", "bytes 0-9/90"), buffered, none)}, n(1), codePartial},
		{"a patch by its type", []*msg{first(reqHead("/seal/x", false, "content-type", "application/scim+json"), buffered, none)}, n(1), codeType},
		{"a format that is known and not read", []*msg{first(reqHead("/seal/x", false, "content-type", "application/cbor; x=1"), buffered, none)}, n(1), codeFormat},
		{"GraphQL", []*msg{first(reqHead("/seal/x", false, "content-type", "application/graphql+json"), buffered, none)}, n(1), codeFormat},
		{"plaintext", []*msg{first(reqHead("/open/x", true), buffered, buffered), respHead("200", false, "content-type", jsonType), respBody(secretBody, true)}, n(1, 1, 1), codePlain},
		{"body after headers that ended", []*msg{first(reqHead("/seal/x", true, "content-type", jsonType), buffered, none), reqBody(secretBody, true)}, n(1, 1), codeProtocol},
		{"body twice", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqBody(secretBody, true), reqBody(secretBody, true)}, n(1, 1, 1), codeProtocol},
		{"chunk after the end", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), streamed, none), reqBody(secretBody, true), reqBody(secretBody, true)}, n(1, 1, 1), codeProtocol},
		{"body after trailers", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqTrailers(), reqBody(secretBody, true)}, n(1, 1, 1), codeProtocol},
		{"headers after the body", []*msg{first(withPath(reqBody(secretBody, true), "/seal/x"), buffered, none), reqHead("/skip/x", false)}, n(1, 1), codeProtocol},
		{"trailers before all", []*msg{first(reqTrailers(), buffered, none)}, n(1), codeProtocol},
		{"two types, one of which passes", []*msg{first(reqHead("/seal/x", false, "content-type", "image/png;a=b", "content-type", jsonType), buffered, none), reqBody(secretBody, true)}, n(1, 1), codeType},
		{"a type that passes, after none", []*msg{first(reqHead("/seal/x", false, "content-type", "", "content-type", "image/png"), buffered, none), reqBody(secretBody, true)}, n(1, 1), codeType},
		{"types in one line", []*msg{first(reqHead("/seal/x", false, "content-type", "image/png, application/json"), buffered, none), reqBody(secretBody, true)}, n(1, 1), codeType},
		{"tunnel", []*msg{first(reqHead("/seal/x", false, ":method", "CONNECT"), buffered, none)}, n(1), codeUpgrade},
		{"tunnel without a path", []*msg{first(&msg{Request: &pb.ProcessingRequest_RequestHeaders{RequestHeaders: &pb.HttpHeaders{Headers: headersOf(":method", "CONNECT", ":authority", "h:443")}}}, none, none)}, n(1), codeUpgrade},
		{"an odd path that Envoy takes for another route", []*msg{first(reqHead("/SEAL/x", true), none, none)}, n(1), codePath},
		{"an encoded path that Envoy takes for another route", []*msg{first(reqHead("/%73eal/x", true), none, none)}, n(1), codePath},
		{"101", []*msg{first(reqHead("/open/x", true), buffered, buffered), respHead("101", false, "upgrade", "websocket")}, n(1, 1), codeUpgrade},
		{"compressed response", []*msg{first(reqHead("/open/x", true), buffered, buffered), respHead("200", false, "content-type", jsonType, "content-encoding", "gzip, br")}, n(1, 1), codeEncoding},
		{"charset", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType+"; charset=utf-16"), buffered, none)}, n(1), codeType},
		{"request that breaks while a response is held", []*msg{first(reqHead("/both/x", false, "content-type", jsonType), duplex, buffered), respHead("200", false, "content-type", jsonType), reqBody(`]`, true)}, n(1, 1, 1), "body_malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.play(t, c.msgs, c.replies, true)
			if status.Code(err) == codes.OK || err == io.EOF {
				t.Errorf("the stream ended well: Envoy would continue without us")
			}
			if len(got) == 0 {
				t.Fatalf("no reply, but %v", err)
			}
			last := got[len(got)-1].GetImmediateResponse()
			if last == nil || !strings.Contains(string(last.Body), `"code":"`+c.code+`"`) {
				t.Fatalf("the last reply is %v", got[len(got)-1])
			}
			for _, g := range got {
				if strings.Contains(g.String(), canary) {
					t.Errorf("a value left in clear: %v", g)
				}
			}
		})
	}
}

// What is refused once the client has seen response headers ends with a reset:
// an error, and no reply to that message.
func TestResetSequences(t *testing.T) {
	r := newRig(t, rigOptions{policy: streamedPolicy})
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
	}{
		{"headers after a local reply", []*msg{first(respHead("403", true), buffered, buffered), reqHead("/seal/x", false)}, n(1, 1)},
		{"body after a local reply", []*msg{first(respHead("403", true), buffered, buffered), reqBody(secretBody, true)}, n(1, 1)},
		{"trailers after a local reply", []*msg{first(respHead("403", true), buffered, buffered), reqTrailers()}, n(1, 1)},
		{"plaintext in a streamed response", []*msg{first(reqHead("/open/x", true), duplex, duplex), respHead("200", false, "content-type", jsonType), respBody(secretBody, true)}, n(1, 1, 1)},
		{"request that breaks after the response", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), respHead("200", true), reqBody(`{"secret":"`+canary+`"]`, true)}, n(1, 1, 1)},
		{"response headers twice", []*msg{first(reqHead("/open/x", true), duplex, duplex), respHead("200", false, "content-type", jsonType), respHead("200", false)}, n(1, 1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.play(t, c.msgs, c.replies, true)
			if status.Code(err) != codes.Aborted || len(got) != len(c.msgs)-1 {
				t.Errorf("%d replies, then %v", len(got), err)
			}
			for _, g := range got {
				if g.GetImmediateResponse() != nil || strings.Contains(g.String(), canary) {
					t.Errorf("reply %v", g)
				}
			}
		})
	}
}

// Sequences that are odd, but right.
func TestOddSequences(t *testing.T) {
	r := newRig(t, rigOptions{policy: streamedPolicy})
	empty := new(msg)
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
	}{
		{"nothing at all", nil, nil},
		{"message without a request first", []*msg{first(empty, buffered, none), reqHead("/seal/x", false, "content-type", jsonType), reqBody(secretBody, true)}, n(0, 1, 1)},
		{"no body", []*msg{first(reqHead("/both/x", true), buffered, buffered), respHead("204", true)}, n(1, 1)},
		{"empty body", []*msg{first(reqHead("/seal/x", false), buffered, none), reqBody("", true)}, n(1, 1)},
		{"body then trailers", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), buffered, none), reqBody(secretBody, false), reqTrailers()}, n(1, 1, 1)},
		{"trailers in full duplex", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), reqBody(secretBody, false), reqTrailers()}, n(1, 1, 1)},
		{"end twice", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), reqBody(secretBody, true), reqBody("", true), reqBody("", true)}, n(1, 1, 0, 0)},
		{"local reply first", []*msg{first(respHead("403", false, "content-type", "text/plain"), buffered, buffered), respBody("no", true)}, n(1, 1)},
		{"HEAD", []*msg{first(reqHead("/both/x", true), buffered, duplex), respHead("200", true, "content-length", "5", "etag", `"x"`)}, n(1, 1)},
		{"304", []*msg{first(reqHead("/open/x", true), buffered, streamed), respHead("304", true, "etag", `"x"`)}, n(1, 1)},
		{"trailers only", []*msg{first(reqHead("/open/x", true, "content-type", "application/grpc"), duplex, duplex), respHead("200", true, "content-type", "application/grpc", "grpc-status", "5")}, n(1, 1)},
		{"a charset that is read", []*msg{first(reqHead("/seal/x", false, "content-type", `application/json; charset="UTF-8"`, "content-encoding", "identity"), streamed, none), reqBody(secretBody, true)}, n(1, 1)},
		{"empty chunks", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), streamed, none), reqBody("", false), reqBody(secretBody, false), reqBody("", false), reqBody("", true)}, n(1, 1, 1, 1, 1)},
		{"end twice, where each has a reply", []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), streamed, none), reqBody(secretBody, true), reqBody("", true)}, n(1, 1, 1)},
		{"local reply with attributes", []*msg{first(withPath(respHead("403", false, "content-type", "text/plain"), "/open/x"), buffered, buffered), respBody("no", true)}, n(1, 1)},
		{"skip in BUFFERED", []*msg{first(reqHead("/skip/x", false), buffered, none), reqBody("a", true)}, n(1, 1)},
		{"response known by attributes", []*msg{first(withPath(respHead("200", false, "content-type", jsonType), "/open/x"), buffered, buffered), respBody("{}", true)}, n(1, 1)},
		{"request known by attributes", []*msg{first(withPath(reqBody(secretBody, true), "/seal/x"), buffered, none)}, n(1)},
		{"skipped, and sent nevertheless", []*msg{first(reqHead("/skip/x", false), duplex, streamed), reqBody("a", false), reqBody("b", true), reqBody("", true), respHead("200", false), respBody("c", true)}, n(1, 1, 1, 0, 1, 1)},
		{"response before the request has ended", []*msg{first(reqHead("/both/x", false, "content-type", jsonType), duplex, duplex), reqBody(`{"secret":`, false), respHead("200", false, "content-type", jsonType), respBody("{", false), reqBody(`1}`, true), respBody("}", true)}, n(1, 1, 1, 1, 1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.play(t, c.msgs, c.replies, true)
			if err != io.EOF {
				t.Errorf("ended with %v, after %v", err, got)
			}
			for _, g := range got {
				if g.GetImmediateResponse() != nil {
					t.Errorf("refused: %v", g)
				}
				if strings.Contains(g.String(), canary) {
					t.Errorf("a value left in clear: %v", g)
				}
			}
		})
	}
}

// Where responses are sealed, one that no request came before is not let pass:
// it is sealed where attributes say what it answers, and refused where they do
// not.
func TestLocalRepliesWhereResponsesAreSealed(t *testing.T) {
	r := newRig(t, rigOptions{policy: rigPolicy + "  - name: seal-response\n    match: {path: /sealed/**}\n    response: {seal: {$..secret: pii}}\n"})
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
		code    string // "" for sealed
	}{
		{"no attributes", []*msg{first(respHead("403", false, "content-type", jsonType), none, buffered)}, n(1), codeProtocol},
		{"body first", []*msg{first(respBody(secretBody, true), none, buffered)}, n(1), codeProtocol},
		{"known", []*msg{first(withPath(respHead("403", false, "content-type", jsonType), "/sealed/x"), buffered, buffered), respBody(secretBody, true)}, n(1, 1), ""},
		{"known, of a type that is not read", []*msg{first(withPath(respHead("403", false, "content-type", "text/html"), "/sealed/x"), buffered, buffered), respBody(secretBody, true)}, n(1, 1), codeType},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.play(t, c.msgs, c.replies, true)
			if (err == io.EOF) != (c.code == "") {
				t.Errorf("ended with %v", err)
			}
			for _, g := range got {
				if strings.Contains(g.String(), canary) {
					t.Errorf("a value left in clear: %v", g)
				}
			}
			if last := got[len(got)-1].GetImmediateResponse(); c.code != "" && !strings.Contains(string(last.GetBody()), c.code) {
				t.Errorf("refused with %v", last)
			}
		})
	}
}

// A skipped body is given back as it came, also where no copy of it stays with
// Envoy.
func TestSkippedBodyIsEchoed(t *testing.T) {
	r := newRig(t, rigOptions{})
	big := strings.Repeat("0123456789", 30_000)
	got, err := r.play(t, []*msg{first(reqHead("/skip/x", false), duplex, none), reqBody(big, true)}, n(1, 5), true)
	if err != io.EOF {
		t.Fatal(err)
	}
	var echoed strings.Builder
	for _, g := range got[1:] {
		s := g.GetRequestBody().GetResponse().GetBodyMutation().GetStreamedResponse()
		if len(s.GetBody()) > maxChunk {
			t.Errorf("a chunk of %d bytes", len(s.GetBody()))
		}
		echoed.Write(s.GetBody())
	}
	if echoed.String() != big {
		t.Errorf("%d bytes came back of %d", echoed.Len(), len(big))
	}
}

// An early end in the middle of a body never ends well.
func TestHalfCloseInABody(t *testing.T) {
	r := newRig(t, rigOptions{policy: streamedPolicy})
	for _, m := range []mode{buffered, streamed, duplex} {
		_, err := r.play(t, []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), m, none)}, n(1), true)
		if err == io.EOF || status.Code(err) == codes.OK {
			t.Errorf("%v, before the first byte: ended with %v", m, err)
		}
	}
	for _, m := range []mode{streamed, duplex} {
		_, err := r.play(t, []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), m, none), reqBody(`{"secret":"`, false)}, n(1, map[mode]int{streamed: 1, duplex: 1}[m]), true)
		if err == io.EOF || status.Code(err) == codes.OK {
			t.Errorf("%v: ended with %v", m, err)
		}
	}
}

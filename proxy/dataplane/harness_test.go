package dataplane

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type call = extproc.ExternalProcessor_ProcessServer

// A script is a processor: what it does with one stream.
type script func(call) error

// A rig is a proxy between a scripted processor and an upstream, all on real
// sockets.
type rig struct {
	*Proxy
	url  string
	ends chan error // how each stream ended for the processor
	mu   sync.Mutex
	seen []string // the messages that the processor got, by kind
	raw  []*extproc.ProcessingRequest
}

type processor struct {
	extproc.UnimplementedExternalProcessorServer
	rig    *rig
	script script
}

// recorder notes the messages of a stream.
type recorder struct {
	call
	rig *rig
}

func (r recorder) Recv() (*extproc.ProcessingRequest, error) {
	m, err := r.call.Recv()
	if err == nil {
		r.rig.mu.Lock()
		r.rig.seen = append(r.rig.seen, kind(m))
		r.rig.raw = append(r.rig.raw, m)
		r.rig.mu.Unlock()
	}
	return m, err
}

func (p processor) Process(s call) error {
	err := p.script(recorder{s, p.rig})
	p.rig.ends <- err
	return err
}

// kind names a message: its field and, for bodies, the text, with . for its
// end.
func kind(m *extproc.ProcessingRequest) string {
	end := func(eos bool) string {
		if eos {
			return "."
		}
		return ""
	}
	switch r := m.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		return "request-headers" + end(r.RequestHeaders.EndOfStream)
	case *extproc.ProcessingRequest_ResponseHeaders:
		return "response-headers" + end(r.ResponseHeaders.EndOfStream)
	case *extproc.ProcessingRequest_RequestBody:
		return "request-body:" + string(r.RequestBody.Body) + end(r.RequestBody.EndOfStream)
	case *extproc.ProcessingRequest_ResponseBody:
		return "response-body:" + string(r.ResponseBody.Body) + end(r.ResponseBody.EndOfStream)
	case *extproc.ProcessingRequest_RequestTrailers:
		return "request-trailers"
	case *extproc.ProcessingRequest_ResponseTrailers:
		return "response-trailers"
	}
	return "none"
}

// newRig starts a rig. upstream nil echoes the request body.
func newRig(t *testing.T, c Config, s script, upstream http.HandlerFunc) *rig {
	t.Helper()
	r := &rig{ends: make(chan error, 16)}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	extproc.RegisterExternalProcessorServer(server, processor{rig: r, script: s})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	if upstream == nil {
		upstream = echo
	}
	up := httptest.NewServer(upstream)
	c.Processor, c.Upstream = "unix:"+path, parse(t, up.URL)
	if c.MessageTimeout == 0 {
		c.MessageTimeout = time.Minute // no test depends on speed
	}
	if r.Proxy, err = New(c); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(r.Proxy)
	r.url = front.URL
	t.Cleanup(func() {
		front.Close()
		r.Close()
		up.Close()
		server.Stop()
		serving.Wait()
	})
	return r
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// echo answers with the request body, and says how it came.
func echo(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-") {
			w.Header()["Seen-"+name] = values
		}
	}
	w.Header().Set("Seen-Length", r.Header.Get("Content-Length"))
	if r.ContentLength >= 0 {
		w.Header().Set("Seen-Length", "known")
	}
	for name, values := range r.Trailer {
		w.Header()["Seen-Trailer-"+name] = values
	}
	w.Write(b)
}

// do sends a request and reads the response to its end.
func (r *rig) do(t *testing.T, request *http.Request) (*http.Response, string, error) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response, string(b), err
}

func (r *rig) request(t *testing.T, method, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+"/path?q=1", reader)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// post posts body and fails the test unless the status is as wanted.
func (r *rig) post(t *testing.T, body string, want int) (*http.Response, string) {
	t.Helper()
	response, got, err := r.do(t, r.request(t, "POST", body))
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != want {
		t.Fatalf("status %d (%s), want %d", response.StatusCode, got, want)
	}
	return response, got
}

func (r *rig) messages() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return merged(r.seen)
}

// normal reports whether a stream ended as Envoy ends one.
func normal(err error) bool {
	return errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled
}

// loop answers each message by reply until the stream ends; nil replies are not
// sent.
func loop(reply func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse) script {
	return func(s call) error {
		for {
			m, err := s.Recv()
			if err != nil {
				return err
			}
			for _, r := range reply(m) {
				if err := s.Send(r); err != nil {
					return err
				}
			}
		}
	}
}

// answer is the reply of the kind that m asks for.
func answer(m *extproc.ProcessingRequest, common *extproc.CommonResponse) *extproc.ProcessingResponse {
	r := new(extproc.ProcessingResponse)
	switch m.Request.(type) {
	case *extproc.ProcessingRequest_RequestHeaders:
		r.Response = &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{Response: common}}
	case *extproc.ProcessingRequest_ResponseHeaders:
		r.Response = &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{Response: common}}
	case *extproc.ProcessingRequest_RequestBody:
		r.Response = &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{Response: common}}
	case *extproc.ProcessingRequest_ResponseBody:
		r.Response = &extproc.ProcessingResponse_ResponseBody{ResponseBody: &extproc.BodyResponse{Response: common}}
	case *extproc.ProcessingRequest_RequestTrailers:
		r.Response = &extproc.ProcessingResponse_RequestTrailers{RequestTrailers: &extproc.TrailersResponse{HeaderMutation: common.GetHeaderMutation()}}
	case *extproc.ProcessingRequest_ResponseTrailers:
		r.Response = &extproc.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extproc.TrailersResponse{HeaderMutation: common.GetHeaderMutation()}}
	default:
		return nil
	}
	return r
}

func set(pairs ...string) *extproc.HeaderMutation {
	m := new(extproc.HeaderMutation)
	for i := 0; i < len(pairs); i += 2 {
		m.SetHeaders = append(m.SetHeaders, &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])}})
	}
	return m
}

func newBody(s string) *extproc.BodyMutation {
	return &extproc.BodyMutation{Mutation: &extproc.BodyMutation_Body{Body: []byte(s)}}
}

func piece(s string, end bool) *extproc.BodyMutation {
	return &extproc.BodyMutation{Mutation: &extproc.BodyMutation_StreamedResponse{
		StreamedResponse: &extproc.StreamedBodyResponse{Body: []byte(s), EndOfStream: end},
	}}
}

// bodyOf returns the body of a body message.
func bodyOf(m *extproc.ProcessingRequest) (*extproc.HttpBody, bool) {
	if b := m.GetRequestBody(); b != nil {
		return b, true
	}
	b := m.GetResponseBody()
	return b, b != nil
}

// upper answers every message and makes bodies upper case, in the form that
// duplex asks for.
func upper(duplex bool) script {
	return loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
		common := new(extproc.CommonResponse)
		if b, ok := bodyOf(m); ok {
			text := strings.ToUpper(string(b.Body))
			common.BodyMutation = newBody(text)
			if duplex {
				common.BodyMutation = piece(text, b.EndOfStream)
			}
		}
		if r := answer(m, common); r != nil {
			return []*extproc.ProcessingResponse{r}
		}
		return nil
	})
}

// deviate answers plainly, but sends replies to messages whose kind begins with
// at.
func deviate(at string, replies ...*extproc.ProcessingResponse) script {
	return loop(func(m *extproc.ProcessingRequest) []*extproc.ProcessingResponse {
		if strings.HasPrefix(kind(m), at) {
			return replies
		}
		return []*extproc.ProcessingResponse{answer(m, nil)}
	})
}

// leave answers plainly and ends the stream with err at messages whose kind
// begins with at.
func leave(at string, err error) script {
	return func(s call) error {
		for {
			m, recvErr := s.Recv()
			if recvErr != nil {
				return recvErr
			}
			if strings.HasPrefix(kind(m), at) {
				return err
			}
			if err := s.Send(answer(m, nil)); err != nil {
				return err
			}
		}
	}
}

// Messages to make replies of.
var (
	requestHeaders   = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestHeaders{}}
	requestBody      = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{}}
	requestTrailers  = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestTrailers{}}
	responseHeaders  = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseHeaders{}}
	responseBody     = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{}}
	responseTrailers = &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseTrailers{}}
)

func immediate(status int, body string) *extproc.ProcessingResponse {
	return &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extproc.ImmediateResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)}, Body: []byte(body),
			Headers: set("x-why", "because", "host", "ignored"),
		},
	}}
}

// hanging is a request body that begins and lasts until the test ends.
func hanging(t *testing.T) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _, _ = w.Write([]byte("beginning")) }() // fails when the test closes the pipe
	t.Cleanup(func() { w.CloseWithError(io.ErrUnexpectedEOF) })
	return r
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// late is an upstream whose body comes when the client has the headers: begun
// reports the response, and then how reading it ended.
func late(gate <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.(http.Flusher).Flush()
		select {
		case <-gate:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "late")
	}
}

// begun posts to a late upstream and returns the error that reading the
// response ended with.
func (r *rig) begun(t *testing.T, gate chan struct{}) error {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r.request(t, "POST", "body"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	close(gate)
	_, err = io.ReadAll(response.Body)
	return err
}

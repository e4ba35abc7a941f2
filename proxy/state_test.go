package proxy

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

const cellPolicy = `version: 1
keys:
  main: {kek: "local:kek", context: {service: test}}
tags:
  pii: {key: main}
routes:
  - name: kept
    match: {path: /kept}
    request:  {seal: {$..secret: pii}, pass: ["image/*"]}
    response: {seal: {$..secret: pii}, pass: ["image/*"]}
  - name: streamed
    match: {path: /streamed}
    request:  {body: streamed, seal: {$..secret: pii}}
    response: {body: streamed, seal: {$..secret: pii}}
  - name: skip
    match: {path: /skip}
    skip: true
`

// A script is a stream on which a test plays Envoy, without a network: it looks
// at the exchange between two messages.
type script struct {
	grpc.ServerStream
	ctx     context.Context
	t       *testing.T
	next    func() (*msg, error) // io.EOF: Envoy ends the stream; os.ErrDeadlineExceeded: nothing comes
	waited  bool                 // nothing came, and nobody waits with a bound
	replies []*pb.ProcessingResponse
}

func (s *script) Context() context.Context { return s.ctx }

func (s *script) RecvMsgWithin(m any, bound time.Duration) error {
	next, err := s.next()
	if err == os.ErrDeadlineExceeded && bound == 0 {
		s.waited, err = true, io.EOF
	}
	if err != nil {
		return err
	}
	b, err := proto.Marshal(next)
	must(s.t, err)
	buf := mem.Copy(b, wire.Pool())
	defer buf.Free()
	return wire.Codec().Unmarshal(mem.BufferSlice{buf}, m)
}

func (s *script) SendMsg(m any) error {
	data, err := wire.Codec().Marshal(m)
	if err != nil {
		return err
	}
	defer data.Free()
	reply := new(pb.ProcessingResponse)
	must(s.t, proto.Unmarshal(data.Materialize(), reply))
	s.replies = append(s.replies, reply)
	return nil
}

// A setting is how a direction gets into a state, and what each event then
// leads to: what leaves, and how the stream ends, which Envoy ends after the
// event.
type setting struct {
	name        string
	response    bool
	state       state
	config      mode // of both directions
	before      []*msg
	unprotected bool // bodies pass as they come
	want        [events]string
}

const (
	no       = "refused protocol_violation"
	cutShort = "reset ended in the middle of a body"
	stalls   = "refused body_stalled"
	quiet    = "waits|ok" // without a bound
	item     = `[{"secret":"ENVELOPE"}`
	inClear  = `[{"secret":"` + canary + `"}`
)

func settings() []setting {
	jsonHead := func(path string) *msg { return reqHead(path, false, "content-type", jsonType) }
	answered := func(path string, more ...*msg) []*msg { return append([]*msg{reqHead(path, true)}, more...) }
	jsonResp := respHead("200", false, "content-type", jsonType)
	unread := [events]string{no, no, asItIs + "|ok", asItIs + "|ok", "trailers|ok", "ok", quiet}
	echoed := [events]string{no, no, "body " + inClear + "|ok", "body " + inClear + "].|ok", "trailers|ok", "ok", quiet}
	kept := [events]string{no, no, cutShort, "headers|body " + item + "].|ok", "headers|trailers|ok", cutShort, stalls}
	inOne := [events]string{no, no, "refused body_truncated", "body=" + item + "]|ok", "trailers|ok", cutShort, "waits|" + cutShort}
	chunked := [events]string{no, no, "body=" + item + "|" + cutShort, "body=" + item + "]|ok", "trailers|ok", cutShort, stalls}
	flowed := [events]string{no, no, "body " + item + "|" + cutShort, "body " + item + "].|ok", "trailers|ok", cutShort, stalls}
	done := [events]string{no, no, no, no, "trailers|ok", "ok", quiet}
	nothing := [events]string{no, no, no, no, no, "ok", quiet}
	return []setting{
		{"nothing came", false, unknown, duplex, nil, false, [events]string{cutShort, "headers|ok", no, no, no, "ok", quiet}},
		{"a local reply came", false, barred, duplex, []*msg{withPath(respHead("403", true), "/kept")}, false, left(nothing)},
		{"skipped", false, passing, duplex, []*msg{jsonHead("/skip")}, true, echoed},
		{"a type that passes", false, passing, streamed, []*msg{reqHead("/kept", false, "content-type", "image/png")}, true, unread},
		{"kept", false, holding, duplex, []*msg{jsonHead("/kept")}, false, kept},
		{"BUFFERED", false, inOnePiece, buffered, []*msg{jsonHead("/kept")}, false, inOne},
		{"STREAMED", false, chunkwise, streamed, []*msg{jsonHead("/kept")}, false, chunked},
		{"streamed", false, flowing, duplex, []*msg{jsonHead("/streamed")}, false, flowed},
		{"no body", false, over, duplex, []*msg{reqHead("/kept", true)}, false, done},
		{"all came", false, over, buffered, []*msg{jsonHead("/kept"), reqBody(inClear+"]", true)}, false, done},

		{"nothing came", true, unknown, duplex, nil, false, nothing},
		{"skipped", true, free, buffered, answered("/skip"), true, [events]string{"headers|ok", "headers|ok", asItIs + "|ok", asItIs + "|ok", "trailers|ok", "ok", quiet}},
		{"asked", true, expected, duplex, answered("/kept"), false, [events]string{cutShort, "headers|ok", no, no, no, "ok", quiet}},
		{"skipped", true, passing, duplex, answered("/skip", jsonResp), true, left(echoed)},
		{"a type that passes", true, passing, buffered, answered("/kept", respHead("200", false, "content-type", "image/png")), true, unread},
		{"kept", true, holding, duplex, answered("/kept", jsonResp), false, kept},
		{"BUFFERED", true, inOnePiece, buffered, answered("/kept", jsonResp), false, inOne},
		{"STREAMED", true, chunkwise, streamed, answered("/kept", jsonResp), false, left(chunked)},
		{"streamed", true, flowing, duplex, answered("/streamed", jsonResp), false, left(flowed)},
		{"no body", true, over, streamed, answered("/kept", respHead("204", true)), false, left(done)},
		{"all came", true, over, duplex, answered("/kept", jsonResp, respBody(inClear+"]", true)), false, left(done)},
	}
}

// left is want where response headers have left: what was a refusal is a reset.
func left(want [events]string) [events]string {
	for i, w := range want {
		want[i] = strings.Replace(w, "refused ", "reset ", 1)
	}
	return want
}

// never are the states in which a direction does not wait for a message.
var never = map[bool][]state{false: {free, expected}, true: {barred}}

// walk takes an exchange into a setting, and then through events. It returns
// what left since, and how the stream ended. Whatever the events are, nothing
// leaves in clear, and a stream never ends well in the middle of a body.
func (r *rig) walk(t *testing.T, s setting, walked ...event) string {
	t.Helper()
	st := &script{ctx: t.Context(), t: t}
	x := r.server.exchange(wire.NewStream(st))
	d := &x.request
	if s.response {
		d = &x.response
	}
	sent, from, pieces := 0, 0, 0
	midway := false
	st.next = func() (*msg, error) {
		midway = x.request.underway() || x.response.underway()
		at := sent - len(s.before)
		sent++
		if at == 0 {
			if from = len(st.replies); d.state != s.state {
				t.Errorf("%s: the state is %d", s.name, d.state)
			}
		}
		var m *msg
		switch {
		case at < 0:
			m = proto.Clone(s.before[len(s.before)+at]).(*msg)
		case at < len(walked):
			var err error
			if m, err = s.message(walked[at], &pieces); err != nil {
				return nil, err
			}
		default:
			return nil, io.EOF
		}
		if sent == 1 {
			m = first(m, s.config, s.config)
		}
		return m, nil
	}
	err := x.run()
	if err == nil && midway {
		t.Errorf("%s, after %v: ended well in the middle of a body", s.name, walked)
	}
	var left []string
	if st.waited {
		left = append(left, "waits")
	}
	end := "ok"
	if err != nil {
		end = "reset " + status.Convert(err).Message()
	}
	for _, reply := range st.replies[from:] {
		if im := reply.GetImmediateResponse(); im != nil {
			end = "refused " + strings.TrimPrefix(im.Details, "sealmesh_")
			continue
		}
		left = append(left, describe(reply))
	}
	for _, reply := range st.replies {
		if !s.unprotected && (strings.Contains(reply.String(), canary) || describe(reply) == asItIs) {
			t.Errorf("%s, after %v: a value left in clear: %v", s.name, walked, reply)
		}
	}
	return strings.Join(append(left, end), "|")
}

// message is what e says of a direction; pieces counts those of the body that
// came.
func (s setting) message(e event, pieces *int) (*msg, error) {
	headers, body, tail := func(end bool) *msg { return reqHead("/kept", end, "content-type", jsonType) }, reqBody, reqTrailers
	if s.response {
		headers = func(end bool) *msg { return respHead("200", end, "content-type", jsonType) }
		body, tail = respBody, respTrailers
	}
	value := "[,"[min(*pieces, 1):][:1] + `{"secret":"` + canary + `"}`
	switch e {
	case onHeaders, onBareHead:
		return headers(e == onBareHead), nil
	case onPiece:
		*pieces++
		return body(value, false), nil
	case onLast:
		return body(value+"]", true), nil
	case onTrailers:
		return tail(), nil
	case onHangup:
		return nil, io.EOF
	default:
		return nil, os.ErrDeadlineExceeded
	}
}

func respTrailers() *msg {
	return &msg{Request: &pb.ProcessingRequest_ResponseTrailers{ResponseTrailers: new(pb.HttpTrailers)}}
}

func TestEveryCell(t *testing.T) {
	r := newRig(t, rigOptions{policy: cellPolicy})
	seen := map[bool]map[state]bool{false: {}, true: {}}
	for _, s := range settings() {
		seen[s.response][s.state] = true
		for e := range events {
			if got := r.walk(t, s, e); got != s.want[e] {
				t.Errorf("response %v, %s, event %d: %s\nwant %s", s.response, s.name, e, got, s.want[e])
			}
		}
	}
	for response, idle := range never {
		for _, s := range idle {
			seen[response][s] = true
		}
	}
	for response := range seen {
		if len(seen[response]) != int(states) {
			t.Errorf("response %v: %d of %d states are met", response, len(seen[response]), states)
		}
	}
}

// Every sequence of three events from every setting.
func TestEveryWalk(t *testing.T) {
	r := newRig(t, rigOptions{policy: cellPolicy})
	for _, s := range settings() {
		for a := range events {
			for b := range events {
				for c := range events {
					r.walk(t, s, a, b, c)
				}
			}
		}
	}
}

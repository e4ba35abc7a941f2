package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

const usersSchema = `
	message User {
	  string ssn = 1;
	  string note = 2;
	  repeated User friends = 3;
	}
	service Users {
	  rpc Get (User) returns (User);
	  rpc Put (stream User) returns (User);
	  rpc List (User) returns (stream User);
	  rpc Chat (stream User) returns (stream User);
	  rpc Leak (User) returns (User);
	}
`

const usersPolicy = `version: 1
listen: unix://${STACK_DIR}/ext_proc.sock
admin: unix://${STACK_DIR}/admin.sock
metrics: none
keys:
  main: {kek: "local:kek", context: {service: test}}
tags:
  pii: {key: main}
routes:
  - name: users
    match: {path: /test.Users/**}
    request:  {seal: {$..ssn: pii}, body: streamed, formats: {grpc: {schema: SCHEMA}, grpc-web: {schema: SCHEMA}, connect: {schema: SCHEMA}, connect-unary: {schema: SCHEMA}, grpc-json: {schema: SCHEMA}, connect-json: {schema: SCHEMA}}}
    response: {open: {$..ssn: pii}, body: streamed, formats: {grpc: {schema: SCHEMA}, grpc-web: {schema: SCHEMA}, connect: {schema: SCHEMA}, connect-unary: {schema: SCHEMA}, grpc-json: {schema: SCHEMA}, connect-json: {schema: SCHEMA}}}
`

// users is the service behind Envoy. It notes every number that it sees, and
// sends back what it got.
type users struct {
	user protoreflect.MessageDescriptor
	mu   sync.Mutex
	seen []string
	head http.Header // of the last request
}

func (u *users) message(ssn string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(u.user)
	if ssn != "" {
		m.Set(u.user.Fields().ByName("ssn"), protoreflect.ValueOfString(ssn))
	}
	m.Set(u.user.Fields().ByName("note"), protoreflect.ValueOfString("a note"))
	return m
}

// friends gives m friends with numbers.
func (u *users) friends(m *dynamicpb.Message, numbers ...string) *dynamicpb.Message {
	list := m.Mutable(u.user.Fields().ByName("friends")).List()
	for _, n := range numbers {
		list.Append(protoreflect.ValueOfMessage(u.message(n)))
	}
	return m
}

func (u *users) note(m *dynamicpb.Message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = append(u.seen, m.Get(u.user.Fields().ByName("ssn")).String())
	friends := m.Get(u.user.Fields().ByName("friends")).List()
	for i := range friends.Len() {
		u.seen = append(u.seen, friends.Get(i).Message().Get(u.user.Fields().ByName("ssn")).String())
	}
}

// serve answers any method.
func (u *users) serve(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	method = method[strings.LastIndexByte(method, '/')+1:]
	all := u.message("")
	for {
		m := dynamicpb.NewMessage(u.user)
		if err := stream.RecvMsg(m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		u.note(m)
		switch method {
		case "Chat", "Get":
			if err := stream.SendMsg(m); err != nil {
				return err
			}
		case "Put":
			u.friends(all, m.Get(u.user.Fields().ByName("ssn")).String())
		case "List":
			for range 3 {
				if err := stream.SendMsg(m); err != nil {
					return err
				}
			}
		case "Leak":
			return stream.SendMsg(u.message(canary + " in clear"))
		}
	}
	if method == "Put" {
		return stream.SendMsg(all)
	}
	return nil
}

// usersStack is a gRPC service and a client of it, through Envoy.
func usersStack(t *testing.T) (*stack, *users, *grpc.ClientConn) {
	t.Helper()
	set := protobuftest.Set(t, usersSchema)
	schema := filepath.Join(t.TempDir(), "users.binpb")
	must(t, os.WriteFile(schema, set, 0o600))
	u := &users{user: protobuftest.Message(t, set, "test.User")}
	server := grpc.NewServer(grpc.UnknownServiceHandler(u.serve))
	t.Cleanup(server.Stop)
	s := newStack(t, stackOptions{
		h2c: true, policy: strings.ReplaceAll(usersPolicy, "SCHEMA", "'"+schema+"'"),
		discard: func(w http.ResponseWriter, r *http.Request) {
			u.mu.Lock()
			u.head = r.Header.Clone()
			u.mu.Unlock()
			server.ServeHTTP(w, r)
		},
	})
	conn, err := grpc.NewClient(strings.TrimPrefix(s.envoy.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return s, u, conn
}

// sealed checks what the service has seen since the last call: n envelopes.
func (u *users) sealed(t *testing.T, n int) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) != n || slices.ContainsFunc(u.seen, func(s string) bool { return !strings.HasPrefix(s, "sm1.") }) {
		t.Errorf("the service saw %q, not %d envelopes", u.seen, n)
	}
	u.seen = nil
}

// Calls of every kind through a real Envoy, with a real client and a real
// server: the service sees envelopes, and the client its values.
func TestEnvoyGRPC(t *testing.T) {
	_, u, conn := usersStack(t)
	same := func(t *testing.T, got, want proto.Message) {
		t.Helper()
		if !proto.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	t.Run("unary", func(t *testing.T) {
		sent, got := u.friends(u.message(canary+"1"), canary+"2", strings.Repeat(canary, 5000)), dynamicpb.NewMessage(u.user)
		must(t, conn.Invoke(t.Context(), "/test.Users/Get", sent, got))
		same(t, got, sent)
		u.sealed(t, 3)
		if h := u.head.Get("Grpc-Accept-Encoding"); h != "" {
			t.Errorf("the service was offered %s, which sealmesh does not read", h)
		}
	})
	t.Run("compressed", func(t *testing.T) {
		sent, got := u.friends(u.message(canary+"1"), canary+"2", strings.Repeat(canary, 500)), dynamicpb.NewMessage(u.user)
		must(t, conn.Invoke(t.Context(), "/test.Users/Get", sent, got, grpc.UseCompressor(gzip.Name)))
		same(t, got, sent)
		u.sealed(t, 3)
	})
	t.Run("client streaming", func(t *testing.T) {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/test.Users/Put")
		must(t, err)
		for i := range 3 {
			must(t, stream.SendMsg(u.message(fmt.Sprint(canary, i))))
		}
		must(t, stream.CloseSend())
		got := dynamicpb.NewMessage(u.user)
		must(t, stream.RecvMsg(got))
		same(t, got, u.friends(u.message(""), canary+"0", canary+"1", canary+"2"))
		u.sealed(t, 3)
	})
	t.Run("server streaming", func(t *testing.T) {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/test.Users/List")
		must(t, err)
		must(t, stream.SendMsg(u.message(canary)))
		must(t, stream.CloseSend())
		for range 3 {
			got := dynamicpb.NewMessage(u.user)
			must(t, stream.RecvMsg(got))
			same(t, got, u.message(canary))
		}
		if err := stream.RecvMsg(dynamicpb.NewMessage(u.user)); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ends with %v", err)
		}
		u.sealed(t, 1)
	})
	t.Run("both streaming, by turns", func(t *testing.T) {
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Users/Chat")
		must(t, err)
		for i := range 5 {
			sent, got := u.message(fmt.Sprint(canary, i)), dynamicpb.NewMessage(u.user)
			must(t, stream.SendMsg(sent))
			must(t, stream.RecvMsg(got))
			same(t, got, sent)
		}
		must(t, stream.CloseSend())
		if err := stream.RecvMsg(dynamicpb.NewMessage(u.user)); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ends with %v", err)
		}
		u.sealed(t, 5)
	})
}

// What is refused reaches the client as a gRPC status.
func TestEnvoyGRPCRefused(t *testing.T) {
	_, u, conn := usersStack(t)
	unknown := u.message(canary)
	unknown.ProtoReflect().SetUnknown(protoreflect.RawFields("\xba\x06\x01x"))
	for _, c := range []struct {
		name, method string
		sent         *dynamicpb.Message
		code         codes.Code // OK for any other: the headers have left
		message      string
	}{
		{"a field that the schema does not have", "/test.Users/Get", unknown, codes.InvalidArgument, "body_malformed"},
		{"a method that the schema does not have", "/test.Users/Other", u.message(canary), codes.Unimplemented, "format_unsupported"},
		{"a response in clear", "/test.Users/Leak", u.message(canary), codes.OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := dynamicpb.NewMessage(u.user)
			err := conn.Invoke(context.WithoutCancel(t.Context()), c.method, c.sent, got)
			st := status.Convert(err)
			if err == nil || !strings.Contains(st.Message(), c.message) || c.code != codes.OK && st.Code() != c.code || strings.Contains(got.String(), canary) {
				t.Errorf("status %v, message %v; want %v, %s", err, got, c.code, c.message)
			}
			if c.method != "/test.Users/Leak" {
				u.sealed(t, 0)
			}
		})
	}
}

// gRPC-Web and streams of Connect over HTTP/1, which have frames of their own.
func TestEnvoyFrames(t *testing.T) {
	schema := filepath.Join(t.TempDir(), "users.binpb")
	must(t, os.WriteFile(schema, protobuftest.Set(t, usersSchema), 0o600))
	flagged := func(flag byte, m string) string {
		return string(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(m)))) + m
	}
	lasts := map[string]string{
		"application/grpc-web+proto": flagged(0x80, "grpc-status: 0\r\n"),
		"application/connect+proto":  flagged(0x02, "{}"),
		"application/connect+json":   flagged(0x02, "{}"),
		"application/grpc+json":      "",
		"application/proto":          "",
	}
	s := newStack(t, stackOptions{policy: strings.ReplaceAll(usersPolicy, "SCHEMA", "'"+schema+"'"), handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = io.Copy(w, r.Body)
		_, _ = io.WriteString(w, lasts[r.Header.Get("Content-Type")])
	}})
	message := "\x0a" + string(rune(len(canary))) + canary
	frame := flagged(0, message)
	for media, last := range lasts {
		sent := frame + frame
		if strings.HasSuffix(media, "json") {
			sent = strings.Repeat(flagged(0, `{"ssn":"`+canary+`"}`), 2)
		} else if media == "application/proto" {
			sent = message + message
		}
		got := s.do(http.MethodPost, "/test.Users/Chat", sent, "Content-Type", media)
		if got.err != nil || got.body != sent+last {
			t.Errorf("%s: %v, status %d, %q", media, got.err, got.status, got.body)
		}
		if up := s.upstream.last(t); strings.Contains(up.body, canary) || strings.Count(up.body, "sm1.") != 2 {
			t.Errorf("%s: the service saw %q", media, up.body)
		}
	}
	for media, body := range map[string]string{
		"application/grpc-web+proto": flagged(1, message), "application/connect+proto": flagged(1, message), "application/grpc-web-text": frame,
		"application/grpc-web+json": frame, "application/grpc-web-text+json": frame,
	} {
		before := s.upstream.count()
		got := s.do(http.MethodPost, "/test.Users/Chat", body, "Content-Type", media)
		if said := got.body + got.header.Get("Grpc-Message"); got.err != nil || !strings.Contains(said, "format_unsupported") || s.upstream.count() > before {
			t.Errorf("%s: %v, status %d, %v %q", media, got.err, got.status, got.header, got.body)
		}
	}
	before := s.upstream.count()
	got := s.do(http.MethodGet, "/test.Users/Get?connect=v1&encoding=json&message=%7B%22ssn%22%3A%221%22%7D", "")
	if got.err != nil || got.status != http.StatusUnsupportedMediaType || !strings.Contains(got.body, "format_unsupported") || s.upstream.count() > before {
		t.Errorf("a message in a query: %v, status %d, %q", got.err, got.status, got.body)
	}
}

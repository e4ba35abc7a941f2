package canary

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // as servers have it
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/codec"
	sealgrpc "github.com/sealmesh/sealmesh/codec/grpc"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

const chat = "/test.Users/Chat"

// grpcBody makes frames of messages, some of which are compressed. Now and then
// a flag or a length is another.
func grpcBody(r *rand.Rand, w *gzip.Writer) []byte {
	var b bytes.Buffer
	for range 1 + r.IntN(3) {
		message, flag := []byte(protoUser(r, 2)), byte(0)
		if r.IntN(5) == 0 {
			message = nil
		}
		if r.IntN(2) == 0 {
			message, flag = zipped(r, w, message), 1
		}
		n := len(message)
		if r.IntN(60) == 0 {
			n += r.IntN(5) - 2
		}
		if r.IntN(40) == 0 {
			flag = pick(r, "\x00", "\x01", "\x02", "\x80", "\x81", "\xff")[0]
		}
		b.WriteByte(flag)
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
		b.Write(message)
	}
	if r.IntN(6) > 0 {
		return b.Bytes()
	}
	return mutate(r, b.Bytes(), append(protoBits, "\x00\x00\x00\x00\x08\x0a\x06"+canary, "\x00\x00\x00\x00\x00", "\x1f\x8b"))
}

// zipped compresses a message, now and then in two members, or with more behind.
func zipped(r *rand.Rand, w *gzip.Writer, message []byte) []byte {
	var b bytes.Buffer
	member := func(p []byte) {
		w.Reset(&b)
		_, _ = w.Write(p) // a Buffer takes all
		_ = w.Close()
	}
	switch r.IntN(30) {
	case 0:
		member(message[:len(message)/2])
		member(message[len(message)/2:])
	case 1:
		member(message)
		b.WriteString(pick(r, "\x00", "\n", "\x0a\x06"+canary))
	case 2:
		member(message)
		member([]byte("\x0a\x06" + canary))
	default:
		member(message)
	}
	return b.Bytes()
}

// rawCodec gives messages as they came.
type rawCodec struct{}

func (rawCodec) Name() string                             { return "proto" }
func (rawCodec) Marshal(any) (mem.BufferSlice, error)     { return nil, nil }
func (rawCodec) Unmarshal(b mem.BufferSlice, v any) error { *v.(*[]byte) = b.Materialize(); return nil }

// received is where the server of a request leaves its messages.
type received struct{}

// serveChat takes all messages of a stream. An application has seen those that
// came before a fault.
func serveChat(_ any, s grpc.ServerStream) error {
	to := s.Context().Value(received{}).(*[][]byte)
	for {
		var m []byte
		if err := s.RecvMsg(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		*to = append(*to, m)
	}
}

// gRPC, as the server of grpc-go reads it. Its frames and compressed messages
// are what it adds to protobuf.
func TestGRPC(t *testing.T) {
	requireReaders(t)
	set := protobuftest.Set(t, protoSchema)
	user := protobuftest.Message(t, set, "test.User")
	server := grpc.NewServer(grpc.UnknownServiceHandler(serveChat), grpc.ForceServerCodecV2(rawCodec{}))
	t.Cleanup(server.Stop)
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	run(t, format{
		name: "grpc", format: &sealgrpc.Format, generate: func(r *rand.Rand) []byte { return grpcBody(r, w) }, plain: "\x00\x00\x00\x00\x08\x0a\x06" + canary, rules: protoRules,
		body: codec.Body{Path: chat, Encoding: "gzip"}, options: codec.Options{Schema: set},
		readers: []reader{inProcess("grpc", func(body []byte) (all []reading) {
			var messages [][]byte
			ctx := context.WithValue(t.Context(), received{}, &messages)
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, chat, bytes.NewReader(body))
			r.ProtoMajor = 2
			r.Header.Set("Content-Type", "application/grpc")
			r.Header.Set("Grpc-Encoding", "gzip")
			server.ServeHTTP(httptest.NewRecorder(), r)
			for _, m := range messages {
				all = append(all, readUser(user, m)...)
			}
			return all
		})},
	})
}

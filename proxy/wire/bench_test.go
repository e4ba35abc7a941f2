package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

func bodyRequest(n int) *extproc.ProcessingRequest {
	return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{
		RequestBody: &extproc.HttpBody{Body: bytes.Repeat([]byte("b"), n), EndOfStream: true},
	}}
}

// frames cuts a message as HTTP/2 does by default.
func frames(message []byte) (s mem.BufferSlice) {
	for len(message) > 0 {
		n := min(16<<10, len(message))
		s = append(s, mem.SliceBuffer(message[:n]))
		message = message[n:]
	}
	return s
}

// BenchmarkDecode compares this codec with the stock one, per message.
func BenchmarkDecode(b *testing.B) {
	for name, m := range map[string]*extproc.ProcessingRequest{
		"headers": messages(b)["request headers"], "2KiB": bodyRequest(2 << 10), "64KiB": bodyRequest(64 << 10),
	} {
		data := frames(marshal(b, m))
		b.Run(name+"/wire", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := requests.Get().(*Request)
				if err := testCodec.Unmarshal(data, r); err != nil {
					b.Fatal(err)
				}
				r.Free()
			}
		})
		b.Run(name+"/stock", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := testCodec.Unmarshal(data, new(extproc.ProcessingRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncode compares replies with a new body: one piece, and 11 as after
// sealing five values.
func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{2 << 10, 64 << 10} {
		for _, pieces := range []int{1, 11} {
			r := &Reply{
				Phase: RequestBody, Body: BodyReplaced, Segments: segments(n, n/pieces+1),
				Set: []Header{{Name: "content-length", Value: "2048"}}, Release: func() {},
			}
			b.Run(fmt.Sprintf("%dKiB/%d/wire", n>>10, pieces), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					out, err := testCodec.Marshal(r)
					if err != nil {
						b.Fatal(err)
					}
					out.Free()
				}
			})
			m := generated(r)
			b.Run(fmt.Sprintf("%dKiB/%d/stock", n>>10, pieces), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					out, err := testCodec.Marshal(m)
					if err != nil {
						b.Fatal(err)
					}
					out.Free()
				}
			})
		}
	}
}

// BenchmarkExchange is one stream with four messages through a real server on a
// unix socket, this codec against the stock one; the client, which is the stock
// one, is in the numbers.
func BenchmarkExchange(b *testing.B) {
	headers := messages(b)["request headers"]
	for _, n := range []int{2 << 10, 64 << 10} {
		round := []*extproc.ProcessingRequest{headers, bodyRequest(n), headers, bodyRequest(n)}
		var released atomic.Int64
		for name, conn := range map[string]*grpc.ClientConn{"wire": serve(b, ownServer(Pool()), echo(&released)), "stock": serveStock(b)} {
			b.Run(fmt.Sprintf("%dKiB/%s", n>>10, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ctx, cancel := context.WithCancel(b.Context())
					s, err := extproc.NewExternalProcessorClient(conn).Process(ctx)
					if err != nil {
						b.Fatal(err)
					}
					for _, m := range round {
						if err := s.Send(m); err != nil {
							b.Fatal(err)
						}
						if _, err := s.Recv(); err != nil {
							b.Fatal(err)
						}
					}
					cancel()
				}
			})
		}
	}
}

// stock echoes with the generated code.
type stock struct {
	extproc.UnimplementedExternalProcessorServer
}

func (stock) Process(s extproc.ExternalProcessor_ProcessServer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		r := &Reply{Phase: RequestHeaders}
		if b := m.GetRequestBody(); b != nil {
			r = &Reply{Phase: RequestBody, Body: BodyStreamed, Segments: [][]byte{b.GetBody()}, End: true}
		}
		if err := s.Send(generated(r)); err != nil {
			return err
		}
	}
}

func serveStock(b *testing.B) *grpc.ClientConn {
	b.Helper()
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer()
	extproc.RegisterExternalProcessorServer(s, stock{})
	go func() { _ = s.Serve(l) }()
	b.Cleanup(s.Stop)
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

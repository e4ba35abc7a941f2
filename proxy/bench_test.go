package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// raw sends messages that are encoded already, and decodes no reply: so that
// the client costs next to nothing beside the server.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append((*v.(*[]byte))[:0], b...)
	return nil
}
func (raw) Name() string { return "proto" }

// BenchmarkExchange is one exchange of 2 KiB with five values sealed on the way
// in and opened on the way out, over a unix socket. B/op and allocs/op include
// the client's.
func BenchmarkExchange(b *testing.B) {
	conn := serveBenchmark(b)
	for _, c := range []struct{ name, mediaType, body string }{
		{"json", jsonType, fiveFields()},
		{"form", "application/x-www-form-urlencoded", fiveTimes("", "f%d[secret]=0123456789abcdef&f%d[note]=%s&", "plain+text+", "end=true")},
		{"xml", "text/xml", fiveTimes("<r>", "<f%d><secret>0123456789abcdef</secret></f%d><note>%s</note>", "plain text ", "</r>")},
	} {
		b.Run(c.name, func(b *testing.B) {
			msgs := encode(b, c.mediaType, c.body, sealOnce(b, conn, c.mediaType, c.body))
			b.ReportAllocs()
			for b.Loop() {
				exchangeOnce(b, conn, msgs)
			}
		})
	}
}

func fiveFields() string {
	return fiveTimes(`{`, `"f%d":{"secret":"0123456789abcdef"},"n%d":"%s",`, "plain text ", `"end":true}`)
}

// fiveTimes makes a body of 2 KiB. record is the format of each of five records:
// its number twice, and a note of that text.
func fiveTimes(before, record, note, after string) string {
	var s strings.Builder
	for i := range 5 {
		fmt.Fprintf(&s, record, i, i, strings.Repeat(note, 30))
	}
	return before + s.String() + after
}

func encode(b testing.TB, mediaType, body, sealed string) [][]byte {
	b.Helper()
	var out [][]byte
	for _, m := range []*msg{
		first(reqHead("/both/x", false, "content-type", mediaType, "content-length", fmt.Sprint(len(body)), "user-agent", "bench", "x-request-id", "1"), buffered, buffered),
		reqBody(body, true),
		respHead("200", false, "content-type", mediaType, "content-length", fmt.Sprint(len(sealed)), "server", "bench"),
		respBody(sealed, true),
	} {
		p, err := proto.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

var processDesc = grpc.StreamDesc{StreamName: "Process", ClientStreams: true, ServerStreams: true}

func exchangeOnce(b testing.TB, conn *grpc.ClientConn, msgs [][]byte) (last []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := conn.NewStream(ctx, &processDesc, "/envoy.service.ext_proc.v3.ExternalProcessor/Process", grpc.ForceCodec(raw{}))
	if err != nil {
		b.Fatal(err)
	}
	for i := range msgs {
		if err := s.SendMsg(&msgs[i]); err != nil {
			b.Fatal(err)
		}
		if err := s.RecvMsg(&last); err != nil {
			b.Fatal(err)
		}
	}
	return last
}

func sealOnce(b testing.TB, conn *grpc.ClientConn, mediaType, body string) string {
	b.Helper()
	reply := exchangeOnce(b, conn, encode(b, mediaType, body, "{}")[:2])
	var r pb.ProcessingResponse
	if err := proto.Unmarshal(reply, &r); err != nil {
		b.Fatal(err)
	}
	sealed := string(r.GetRequestBody().GetResponse().GetBodyMutation().GetBody())
	if strings.Count(sealed, "sm1.") != 5 {
		b.Fatalf("sealed to %q", sealed)
	}
	return sealed
}

func serveBenchmark(b testing.TB) *grpc.ClientConn {
	b.Helper()
	dir, err := os.MkdirTemp("", "bench")
	must(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(b, local.Create(filepath.Join(dir, "kek")))
	p, err := policy.Load("policy.yaml", []byte(rigPolicy), os.LookupEnv, os.ReadFile)
	must(b, err)
	var keys []*hsm.Key
	for _, k := range p.Keys {
		provider, err := local.Open(filepath.Join(dir, "kek"))
		must(b, err)
		keys = append(keys, &hsm.Key{Name: k.Name, KEKs: []hsm.KEK{{URI: k.KEKs[0], Kind: "local", ProviderID: 1, Identity: provider.Identity(), Provider: provider}}, Quorum: 1})
	}
	ring, err := hsm.NewKeyring(keys...)
	must(b, err)
	recorder, err := keyuse.Open(keyuse.Options{Log: slog.New(slog.DiscardHandler)}) // best effort, and nobody listens
	must(b, err)
	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder})
	must(b, err)
	rt, err := NewRuntime(p, cache, new(Metrics), nil)
	must(b, err)
	server := NewServer(rt, new(Metrics), slog.New(slog.DiscardHandler), nil)
	conn := serve(b, dir, server.Register)
	b.Cleanup(func() {
		_ = cache.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = recorder.Close(ctx)
	})
	return conn
}

// serve serves what register adds, with the windows that the binary has, and
// dials it.
func serve(b testing.TB, dir string, register func(grpc.ServiceRegistrar)) *grpc.ClientConn {
	b.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(b, err)
	g := transport.New(transport.Options{
		Codec: wire.Codec(), Pool: wire.Pool(), Metadata: TraceMetadata(), MaxMessage: 64 << 20,
		Window: 1 << 20, ConnWindow: 16 << 20, Handshake: time.Minute,
	})
	register(g)
	go func() { _ = g.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+filepath.Join(dir, "s"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(1<<20), grpc.WithStaticConnWindowSize(16<<20))
	must(b, err)
	b.Cleanup(func() {
		_ = conn.Close()
		g.Stop()
	})
	return conn
}

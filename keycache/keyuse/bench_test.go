package keyuse

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	otelattr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

var (
	benchExchange = Exchange{
		TraceID: [16]byte{1, 2, 3}, ParentID: [8]byte{4, 5},
		Route: "customers", Direction: "request", Caller: "spiffe://mesh/ns/shop/sa/web",
	}
	benchUse = Use{
		Start: 1_700_000_000_000_000_000, End: 1_700_000_000_000_050_000,
		Key: "customer", DataKey: [16]byte{0xab, 15: 0xcd}, Operation: "seal", Suite: "XAES-256-GCM",
		Tags: []string{"pii", "pii.email"}, Fields: 5, Bytes: 80, Cache: "hit",
	}
)

// acknowledging is a recorder whose exporter takes everything at no cost.
func acknowledging(tb testing.TB) *Recorder {
	opt, err := Options{Required: true, QueueBytes: 64 << 20}.complete()
	if err != nil {
		tb.Fatal(err)
	}
	out := otlp.Exporter{
		Export: func(context.Context, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil },
		Close:  func() error { return nil },
	}
	r, err := open(opt, otlp.Destination{Delay: time.Second}, out)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// BenchmarkRecord is the hot path: what an exchange pays per key use.
func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{1, 5} {
		uses := make([]Use, n)
		for i := range uses {
			uses[i] = benchUse
		}
		b.Run(fmt.Sprintf("uses=%d", n), func(b *testing.B) {
			r := acknowledging(b)
			b.ReportAllocs()
			cpu := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				for i := 1; pb.Next(); i++ {
					if i%1024 == 0 {
						runtime.Gosched() // the sender needs a turn, as it gets in a server
					}
					if err := r.Record(&benchExchange, uses, Reservation{}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N*n), "cpu-ns/span")
		})
	}
}

// BenchmarkEncode is the encoding of one span alone.
func BenchmarkEncode(b *testing.B) {
	uses := []Use{benchUse}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		buf = appendSpans(buf[:0], &benchExchange, uses)
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/span")
	b.SetBytes(int64(len(buf)))
}

// BenchmarkExport is the CPU time of the whole process per span that a sink
// over gRPC acknowledged: this recorder against the SDK, same sink, nothing
// lost.
func BenchmarkExport(b *testing.B) {
	b.Run("recorder", func(b *testing.B) {
		addr := discard(b)
		r, err := Open(Options{Required: true, Getenv: func(name string) string {
			if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
				return "http://" + addr
			}
			return ""
		}})
		if err != nil {
			b.Fatal(err)
		}
		uses := []Use{benchUse}
		cpu := cpuTime(b)
		for b.Loop() {
			for r.Record(&benchExchange, uses, Reservation{}) == ErrFull {
				if err := r.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := r.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/span")
		if n := r.Stats().Exported; n != uint64(b.N) {
			b.Fatalf("%d of %d spans exported", n, b.N)
		}
	})
	b.Run("sdk", func(b *testing.B) {
		out, err := otlptracegrpc.New(b.Context(), otlptracegrpc.WithEndpoint(discard(b)), otlptracegrpc.WithInsecure())
		if err != nil {
			b.Fatal(err)
		}
		p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(out, sdktrace.WithBlocking()), sdktrace.WithSampler(sdktrace.AlwaysSample()))
		tracer := p.Tracer(otlp.ScopeName)
		cpu := cpuTime(b)
		for b.Loop() {
			_, span := tracer.Start(b.Context(), spanName)
			span.SetAttributes(sdkAttributes(&benchExchange, &benchUse)...)
			span.End()
		}
		if err := p.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/span")
	})
}

// sdkAttributes are those of a use, for the SDK.
func sdkAttributes(x *Exchange, u *Use) []otelattr.KeyValue {
	var attrs []otelattr.KeyValue
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, otelattr.String(name, value))
		}
	}
	text("sealmesh.route", x.Route)
	text("sealmesh.direction", x.Direction)
	text("sealmesh.format", x.Format)
	text("sealmesh.place", x.Place)
	text("sealmesh.caller", x.Caller)
	text("sealmesh.key.name", u.Key)
	if u.DataKey != ([16]byte{}) {
		text("sealmesh.data_key.id", hex.EncodeToString(u.DataKey[:]))
	}
	text("sealmesh.operation", u.Operation)
	text("sealmesh.suite", u.Suite)
	if len(u.Tags) > 0 {
		attrs = append(attrs, otelattr.StringSlice("sealmesh.tags", u.Tags))
	}
	attrs = append(attrs, otelattr.Int("sealmesh.fields", u.Fields), otelattr.Int64("sealmesh.bytes", u.Bytes))
	text("sealmesh.cache", u.Cache)
	if u.Partial {
		attrs = append(attrs, otelattr.Bool("sealmesh.partial", true))
	}
	if u.Aggregate {
		attrs = append(attrs, otelattr.Bool("sealmesh.aggregate", true))
	}
	if u.ErrorType == "" {
		text("sealmesh.outcome", "ok")
	} else {
		text("sealmesh.outcome", "error")
		text("error.type", u.ErrorType)
	}
	return attrs
}

// discard is a gRPC server that acknowledges every message unread.
func discard(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(discardCodec{}), grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		if err := ss.RecvMsg(nil); err != nil {
			return err
		}
		return ss.SendMsg(nil)
	}))
	go func() { _ = s.Serve(l) }()
	b.Cleanup(s.Stop)
	return l.Addr().String()
}

type discardCodec struct{}

func (discardCodec) Name() string                         { return "proto" }
func (discardCodec) Marshal(any) (mem.BufferSlice, error) { return nil, nil }
func (discardCodec) Unmarshal(mem.BufferSlice, any) error { return nil }

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

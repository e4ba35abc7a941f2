package keyuse

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	otelattr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

// decoded is what any OTLP collector reads.
func decoded(t *testing.T, x *Exchange, uses []Use) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	req := otlp.NewRequest(otlp.AppendResource(nil, map[string]string{"service.name": "sealmesh"}), appendSpans(nil, x, uses), len(uses))
	msg := &coltracepb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(slices.Concat(req.Head, req.Body), msg); err != nil {
		t.Fatal(err)
	}
	return msg
}

func spansOf(msg *coltracepb.ExportTraceServiceRequest) []*tracepb.Span {
	return msg.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
}

func attributeOf(s *tracepb.Span, name string) *commonpb.AnyValue {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == name {
			return a.GetValue()
		}
	}
	return nil
}

// TestEncodingEqualsSDK holds our encoding against that of the official SDK and
// exporter for the same spans.
func TestEncodingEqualsSDK(t *testing.T) {
	failed := benchUse
	failed.DataKey, failed.Suite, failed.Cache, failed.Tags, failed.ErrorType = [16]byte{}, "", "", nil, "key_denied"
	large := benchUse
	large.Fields, large.Bytes, large.Partial = 1<<31-1, 1<<62, true
	large.Aggregate = true
	large.Tags = []string{strings.Repeat("t", 120), "é", strings.Repeat("u", 128)}
	root, long := benchExchange, benchExchange
	root.ParentID, root.Caller = [8]byte{}, ""
	long.Caller = strings.Repeat("spiffe://", 40)
	for name, x := range map[string]Exchange{"child": benchExchange, "root": root, "long caller": long} {
		t.Run(name, func(t *testing.T) {
			uses := []Use{benchUse, failed, large}
			got := decoded(t, &x, uses)
			want := viaSDK(t, &x, uses, spansOf(got))
			if !proto.Equal(got, want) {
				t.Errorf("got\n%v\nwant\n%v", got, want)
			}
		})
	}
}

// viaSDK encodes the same uses by the SDK, under the span ids that got has.
func viaSDK(t *testing.T, x *Exchange, uses []Use, got []*tracepb.Span) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	var stubs tracetest.SpanStubs
	for i, u := range uses {
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: x.TraceID, SpanID: x.ParentID, TraceFlags: trace.FlagsSampled, Remote: true})
		if !parent.IsValid() {
			parent = trace.SpanContext{}
		}
		stubs = append(stubs, tracetest.SpanStub{
			Name:                 spanName,
			SpanContext:          trace.NewSpanContext(trace.SpanContextConfig{TraceID: x.TraceID, SpanID: trace.SpanID(got[i].SpanId), TraceFlags: trace.FlagsSampled}),
			Parent:               parent,
			SpanKind:             trace.SpanKindInternal,
			StartTime:            time.Unix(0, u.Start),
			EndTime:              time.Unix(0, u.End),
			Attributes:           sdkAttributes(x, &u),
			Status:               sdkStatus(&u),
			Resource:             resource.NewSchemaless(otelattr.String("service.name", "sealmesh")),
			InstrumentationScope: instrumentation.Scope{Name: otlp.ScopeName},
		})
	}
	c := &captured{}
	out, err := otlptrace.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.ExportSpans(t.Context(), stubs.Snapshots()); err != nil {
		t.Fatal(err)
	}
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: c.spans}
}

// captured is the client end of the SDK's exporter.
type captured struct{ spans []*tracepb.ResourceSpans }

func (c *captured) Start(context.Context) error { return nil }
func (c *captured) Stop(context.Context) error  { return nil }
func (c *captured) UploadTraces(_ context.Context, s []*tracepb.ResourceSpans) error {
	c.spans = s
	return nil
}

func sdkStatus(u *Use) (s sdktrace.Status) {
	if u.ErrorType != "" {
		s.Code = codes.Error
	}
	return s
}

// TestHostileNames proves that no name can make a span that collectors refuse,
// or one larger than its reservation.
func TestHostileNames(t *testing.T) {
	names := []string{"", "a", "\xff\xfe", strings.Repeat("é", 70_000), strings.Repeat("\xff", 300), strings.Repeat("x", 127) + "é", "€"}
	largest := 0
	for range 2000 {
		pick := func() string { return names[rand.IntN(len(names))] }
		x := Exchange{ParentID: [8]byte{1}, Route: pick(), Direction: strings.Repeat("d", rand.IntN(60)), Format: strings.Repeat("f", 60), Place: strings.Repeat("p", 60), Caller: pick()}
		u := Use{
			Start: -1, End: 1 << 62, Key: pick(), DataKey: [16]byte{1}, Operation: strings.Repeat("o", 60), Suite: strings.Repeat("s", 60),
			Fields: -1, Bytes: -1, Cache: strings.Repeat("c", 60), ErrorType: strings.Repeat("e", 60), Partial: true, Aggregate: true,
		}
		for range rand.IntN(200) {
			u.Tags = append(u.Tags, pick())
		}
		b := appendSpans(nil, &x, []Use{u})
		largest = max(largest, len(b))
		for _, a := range spansOf(decoded(t, &x, []Use{u}))[0].GetAttributes() {
			if s := a.GetValue().GetStringValue(); !utf8.ValidString(s) || len(s) > maxCaller {
				t.Fatalf("%s is %d bytes, %q", a.GetKey(), len(s), s)
			}
		}
	}
	if largest > maxSpan {
		t.Errorf("a span takes %d bytes, a reservation %d", largest, maxSpan)
	}
	if largest < maxSpan/2 {
		t.Errorf("the largest span takes %d bytes only: does this test still try?", largest)
	}
}

func TestIDs(t *testing.T) {
	x := benchExchange
	x.TraceID, x.ParentID = [16]byte{}, [8]byte{}
	seen := map[string]bool{}
	for range 100 {
		spans := spansOf(decoded(t, &x, []Use{benchUse, benchUse}))
		if string(spans[0].TraceId) != string(spans[1].TraceId) || len(spans[0].ParentSpanId) != 0 {
			t.Fatalf("one exchange without a trace has %x, %x", spans[0].TraceId, spans[1].TraceId)
		}
		for _, id := range []string{string(spans[0].TraceId), string(spans[0].SpanId), string(spans[1].SpanId)} {
			if seen[id] {
				t.Fatalf("id %x twice", id)
			}
			seen[id] = true
		}
	}
}

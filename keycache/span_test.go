package keycache

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

func attributes(s sdk.ReadOnlySpan) map[attribute.Key]string {
	m := map[attribute.Key]string{}
	for _, kv := range s.Attributes() {
		m[kv.Key] = kv.Value.String()
	}
	return m
}

func TestProviderCallsAreSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	m := keycachetest.NewKMS("a")
	r := newRig(t, keyOf(m), Options{Tracer: provider.Tracer("test")})
	s := r.Session(context.Background(), keyuse.Exchange{TraceID: [16]byte{1}, ParentID: [8]byte{2}})
	text, err := s.Seal(nil, r.tag, codec.Text, []byte("canary-value"))
	if err != nil {
		t.Fatal(err)
	}
	r.Flush("")
	m.Answer(0, hsm.Denied)
	_, _, err = s.Open(nil, r.tag, text)
	r.wantReason(err, KeyDenied)
	_ = s.Close(err)
	r.end()

	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want 2", len(ended))
	}
	ok, denied := ended[0], ended[1]
	if ok.Name() != "KMS.GenerateDataKey" || ok.SpanKind() != trace.SpanKindClient || ok.Parent().SpanID() != [8]byte{2} || ok.SpanContext().TraceID() != [16]byte{1} {
		t.Errorf("span %s, kind %v, parent %v", ok.Name(), ok.SpanKind(), ok.Parent())
	}
	got := attributes(ok)
	for name, want := range map[attribute.Key]string{
		"kms.provider": "awskms", "kms.operation": "GenerateDataKey", "kms.key_id": "a", "sealmesh.key.name": "k", "rpc.system": "aws-api",
		"rpc.service": "KMS", "rpc.method": "GenerateDataKey", "aws.request_id": "req-1", "cloud.region": "eu-west-1", "error.type": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	got = attributes(denied)
	if denied.Status().Code != codes.Error || denied.Status().Description != "denied" || got["error.type"] != "denied" || got["kms.error.code"] != "ScriptedException" {
		t.Errorf("status %v, attributes %v", denied.Status(), got)
	}
	for _, s := range ended {
		for _, v := range attributes(s) {
			if strings.Contains(v, "secret story") || strings.Contains(v, "canary") {
				t.Errorf("attribute %q tells too much", v)
			}
		}
	}
}

package baseline

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Naive is the server that a capable engineer writes in an afternoon with good
// libraries: encoding/json into maps, one Tink AEAD for all values
// (AES-256-GCM, one key in memory), one OpenTelemetry SDK span for each
// direction of an exchange, and the generated messages. Unlike sealmesh it has
// no key rotation, no KMS, no duplicate members, no order of members, no exact
// numbers, and it may lose spans.
type Naive struct {
	extproc.UnimplementedExternalProcessorServer
	member   string
	aead     tink.AEAD
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	spans    atomic.Uint64
}

// NewNaive returns a server that protects the string members with that name. It
// sends spans to OTEL_EXPORTER_OTLP_ENDPOINT.
func NewNaive(ctx context.Context, member string) (*Naive, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	a, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, err
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	return &Naive{member: member, aead: a, tracer: p.Tracer("naive"), provider: p}, nil
}

// Spans is the number of spans that have ended.
func (s *Naive) Spans() uint64 { return s.spans.Load() }

// Close flushes the exporter.
func (s *Naive) Close(ctx context.Context) error { return s.provider.Shutdown(ctx) }

// A half is one direction of an exchange.
type half struct {
	operation string // "seal", "open" or "" for nothing
	do        func(string) (string, error)
}

// Process implements the service.
func (s *Naive) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	ctx := stream.Context()
	var request, response half
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp := proceed(req)
		switch m := req.Request.(type) {
		case *extproc.ProcessingRequest_RequestHeaders:
			headers := fold(m.RequestHeaders.GetHeaders())
			ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(headers))
			request, response = s.rules(headers[":path"])
		case *extproc.ProcessingRequest_RequestBody:
			out, n, err := s.rewrite(ctx, request, m.RequestBody.Body)
			if err != nil {
				return err
			}
			if n > 0 {
				resp.Response = &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{Response: replace(out)}}
			}
		case *extproc.ProcessingRequest_ResponseHeaders:
			// Without rules for requests, Envoy sends the path as an attribute.
			for _, a := range req.Attributes {
				if path := a.GetFields()["request.path"].GetStringValue(); path != "" {
					request, response = s.rules(path)
				}
			}
		case *extproc.ProcessingRequest_ResponseBody:
			out, n, err := s.rewrite(ctx, response, m.ResponseBody.Body)
			if err != nil {
				return err
			}
			if n > 0 {
				resp.Response = &extproc.ProcessingResponse_ResponseBody{ResponseBody: &extproc.BodyResponse{Response: replace(out)}}
			}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

// rules decides by the path what to seal and open.
func (s *Naive) rules(path string) (request, response half) {
	seal, open := half{"seal", s.seal}, half{"open", s.open}
	switch name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); name {
	case "both":
		return seal, open
	case "seal":
		return seal, half{}
	case "open":
		return half{}, open
	}
	return half{}, half{}
}

func (s *Naive) seal(v string) (string, error) {
	b, err := s.aead.Encrypt([]byte(v), []byte(s.member))
	return base64.RawURLEncoding.EncodeToString(b), err
}

func (s *Naive) open(v string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err != nil {
		return "", err
	}
	b, err = s.aead.Decrypt(b, []byte(s.member))
	return string(b), err
}

func (s *Naive) rewrite(ctx context.Context, h half, body []byte) ([]byte, int, error) {
	if h.do == nil || len(body) == 0 {
		return nil, 0, nil
	}
	_, span := s.tracer.Start(ctx, "key_use")
	defer s.spans.Add(1)
	defer span.End()
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, 0, err
	}
	n, err := s.walk(doc, h.do)
	span.SetAttributes(attribute.String("key.name", "bench"), attribute.String("operation", h.operation),
		attribute.String("tags", s.member), attribute.Int("fields", n), attribute.Int("bytes", len(body)),
		attribute.String("outcome", outcome(err)))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", h.operation, err)
	}
	out, err := json.Marshal(doc)
	return out, n, err
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// walk replaces every string member with the name, at any depth.
func (s *Naive) walk(v any, do func(string) (string, error)) (n int, err error) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			text, ok := child.(string)
			if !ok || name != s.member {
				m, failed := s.walk(child, do)
				n, err = n+m, errors.Join(err, failed)
				continue
			}
			out, failed := do(text)
			v[name], n, err = out, n+1, errors.Join(err, failed)
		}
	case []any:
		for _, child := range v {
			m, failed := s.walk(child, do)
			n, err = n+m, errors.Join(err, failed)
		}
	}
	return n, err
}

// replace gives Envoy a new body and its length, which Envoy checks.
func replace(body []byte) *extproc.CommonResponse {
	return &extproc.CommonResponse{
		HeaderMutation: &extproc.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "content-length", RawValue: []byte(strconv.Itoa(len(body)))},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}},
		BodyMutation: &extproc.BodyMutation{Mutation: &extproc.BodyMutation_Body{Body: body}},
	}
}

func fold(h *corev3.HeaderMap) map[string]string {
	m := make(map[string]string, len(h.GetHeaders()))
	for _, v := range h.GetHeaders() {
		m[v.Key] = string(v.RawValue)
	}
	return m
}

package serve

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
)

// newTracer returns the tracer of request and provider spans, or nil if no
// exporter is configured. The standard OTEL_* variables configure it. Key uses
// do not depend on it.
func newTracer(ctx context.Context, log *slog.Logger) (trace.Tracer, func(context.Context) error, error) {
	none := func(context.Context) error { return nil }
	if !tracing() {
		return nil, none, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, none, err
	}
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "sealmesh"),
		attribute.String("service.version", cli.Version())), resource.WithFromEnv())
	if err != nil {
		return nil, none, err
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(res)}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		// A sidecar adds spans to traces that callers start and sample. It starts
		// none.
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("exporting request spans failed", "error", err.Error()) }))
	provider := sdktrace.NewTracerProvider(options...)
	return provider.Tracer("github.com/sealmesh/sealmesh"), provider.Shutdown, nil
}

// tracing reports whether the environment configures an exporter. Without one,
// spans would only cost time.
func tracing() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// newLogger returns a logger that writes JSON lines, with the ids of the trace
// and the span in the context.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(traced{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}

// traced adds trace and span ids to records.
type traced struct{ slog.Handler }

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traced) WithAttrs(a []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(a)} }
func (h traced) WithGroup(name string) slog.Handler   { return traced{h.Handler.WithGroup(name)} }

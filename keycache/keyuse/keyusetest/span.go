package keyusetest

import (
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// A Span is a span as the collector decoded it.
type Span struct {
	*tracepb.Span
	Scope    string
	Resource map[string]any
	// Attrs holds strings, bools, int64s and []string.
	Attrs map[string]any
}

func decode(req *coltracepb.ExportTraceServiceRequest) []Span {
	var spans []Span
	for _, rs := range req.GetResourceSpans() {
		resource := resourceAttributes(rs.GetResource())
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				spans = append(spans, Span{s, ss.GetScope().GetName(), resource, attributes(s.GetAttributes())})
			}
		}
	}
	return spans
}

func resourceAttributes(r *resourcepb.Resource) map[string]any { return attributes(r.GetAttributes()) }

func attributes(pairs []*commonpb.KeyValue) map[string]any {
	m := make(map[string]any, len(pairs))
	for _, p := range pairs {
		switch v := p.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			m[p.GetKey()] = v.StringValue
		case *commonpb.AnyValue_BoolValue:
			m[p.GetKey()] = v.BoolValue
		case *commonpb.AnyValue_IntValue:
			m[p.GetKey()] = v.IntValue
		case *commonpb.AnyValue_ArrayValue:
			list := []string{}
			for _, e := range v.ArrayValue.GetValues() {
				list = append(list, e.GetStringValue())
			}
			m[p.GetKey()] = list
		}
	}
	return m
}

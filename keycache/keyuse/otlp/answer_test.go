package otlp

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// TestWhatAcknowledges holds that only a collector does: other servers answer
// 200 as well.
func TestWhatAcknowledges(t *testing.T) {
	partial, err := proto.Marshal(&coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "too old"},
	})
	if err != nil {
		t.Fatal(err)
	}
	less, err := proto.Marshal(&coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: -1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status     int
		kind, body string
		rejected   uint64
		permanent  bool
	}{
		"empty":             {200, "application/x-protobuf", "", 0, false},
		"with a parameter":  {200, "Application/X-Protobuf; charset=utf-8", "", 0, false},
		"partial success":   {200, mediaType, string(partial), 2, false},
		"less than none":    {200, mediaType, string(less), 1<<64 - 1, false},
		"an HTML page":      {200, "text/html", "<html>welcome</html>", 0, true},
		"an HTML page, lie": {200, mediaType, "<html>welcome</html>", 0, true},
		"no type":           {200, "", "", 0, true},
		"JSON":              {200, "application/json", "{}", 0, true},
		"a torn answer":     {200, mediaType, string(partial[:len(partial)-3]), 0, true},
		"endless":           {200, mediaType, strings.Repeat("\x12\x01a", maxAnswer), 0, true},
		"no content":        {204, mediaType, "", 0, true},
		"accepted":          {202, mediaType, "", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header()["Content-Type"] = []string{c.kind}
			w.WriteHeader(c.status)
			_, _ = w.WriteString(c.body)
			a, err := readAnswer(w.Result())
			if e, refused := errors.AsType[*Error](err); refused != c.permanent || refused && !e.Permanent || a.Rejected != c.rejected {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// TestResourceOfOldSegmentIsValid reads the resource of a version that took any
// bytes from OTEL_RESOURCE_ATTRIBUTES, with which a collector refuses every
// batch.
func TestResourceOfOldSegmentIsValid(t *testing.T) {
	old := AppendResource(nil, map[string]string{"service.name": "shop", "team": "a\xffb"})
	got := &resourcepb.Resource{}
	if err := proto.Unmarshal(ValidResource(old), got); err != nil {
		t.Fatal(err)
	}
	want := &resourcepb.Resource{}
	if err := proto.Unmarshal(AppendResource(nil, map[string]string{"service.name": "shop", "team": "a?b"}), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

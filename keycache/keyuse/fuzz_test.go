package keyuse

import (
	"slices"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

// FuzzSpan encodes any names: the official decoder reads every one, and no span
// is larger than its reservation.
func FuzzSpan(f *testing.F) {
	f.Add("route", "caller", "key", "tag", int64(1), int64(2), 5, int64(80), "key_denied")
	f.Add("\xff", "é", "", "…", int64(-1), int64(1)<<62, -5, int64(-80), "")
	f.Fuzz(func(t *testing.T, route, caller, key, tag string, start, end int64, fields int, size int64, reason string) {
		x := Exchange{ParentID: [8]byte{1}, Route: route, Direction: "request", Caller: caller}
		u := Use{
			Start: start, End: end, Key: key, DataKey: [16]byte{1}, Operation: "seal", Suite: "AES-256-SIV",
			Tags: []string{tag, "pii", tag}, Fields: fields, Bytes: size, Cache: "hit",
		}
		if len(reason) > 0 {
			u.ErrorType = "key_denied"
		}
		b := appendSpans(nil, &x, []Use{u, u})
		if len(b) > 2*maxSpan {
			t.Fatalf("two spans of %d bytes", len(b))
		}
		req := otlp.NewRequest(nil, b, 2)
		msg := &coltracepb.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(slices.Concat(req.Head, req.Body), msg); err != nil {
			t.Fatal(err)
		}
		if n := len(spansOf(msg)); n != 2 {
			t.Fatalf("%d spans", n)
		}
		for _, s := range spansOf(msg) {
			if got := attributeOf(s, "sealmesh.fields").GetIntValue(); got != int64(fields) {
				t.Fatalf("fields %d, want %d", got, fields)
			}
			if got := attributeOf(s, "sealmesh.bytes").GetIntValue(); got != size {
				t.Fatalf("bytes %d, want %d", got, size)
			}
		}
	})
}

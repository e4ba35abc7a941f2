package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cmdtest"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// Request and provider spans are made where the caller samples, in its trace;
// key uses always.
func TestRequestSpans(t *testing.T) {
	k := cmdtest.NewKMS(t)
	s := kmsStack(t, k)
	sealed := s.sealed(t, `{"secret":1}`)
	for _, parent := range []string{sampled, unsampled} {
		if status, _ := s.post("/keys/flush"); status != http.StatusNoContent {
			t.Fatal("flush")
		}
		if got := s.do(http.MethodPost, "/open/x", sealed, "traceparent", parent, "x-forwarded-for", "6.6.6.6"); got.status != http.StatusOK {
			t.Fatalf("%v %d %s", got.err, got.status, got.body)
		}
	}
	s.wait("spans", func() error {
		have := map[string]int{}
		for _, span := range s.collector.Spans() {
			have[traceOf(span)+" "+span.Name]++
			if c := span.Attrs["sealmesh.caller"]; span.Name == "sealmesh.key_use" && c != nil && c != "127.0.0.1" {
				t.Fatalf("the caller is %v", c)
			} else if span.Name == "sealmesh.key_use" && c != nil {
				have[traceOf(span)+" called"]++
			}
		}
		for _, want := range []string{
			id(sampled) + " sealmesh.exchange", id(sampled) + " sealmesh.key_use", id(sampled) + " KMS.Decrypt", id(unsampled) + " sealmesh.key_use",
			id(sampled) + " called", id(unsampled) + " called",
		} {
			if have[want] == 0 {
				return errors.New("no " + want)
			}
		}
		if have[id(unsampled)+" sealmesh.exchange"] > 0 {
			t.Fatal("a request span that the caller did not sample")
		}
		return nil
	})
}

func id(traceparent string) string { return strings.Split(traceparent, "-")[1] }

func traceOf(s keyusetest.Span) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, c := range s.TraceId {
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

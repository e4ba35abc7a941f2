package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/keyuse/keyusetest"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Exactly one key use per exchange, direction, key and operation, with what
// became of it, in every mode and however the body is cut.
func TestKeyUses(t *testing.T) {
	two := `{"secret": "` + canary + `", "x": {"secret": 2}, "tenant": null}`
	as := func(body string) func(string) string { return func(string) string { return body } }
	for _, c := range []struct {
		name, path string
		body       func(sealed string) string
		want       []string // route direction key operation fields outcome
	}{
		{"two keys, both ways", "/both/x", as(two),
			[]string{"both request main seal 2 ok", "both request other seal 1 ok", "both response main open 2 ok", "both response other open 1 ok"}},
		{"nothing tagged", "/both/x", as(`{}`), nil},
		{"malformed before any value", "/seal/x", as(`{]`), nil},
		{"malformed after two values", "/both/x", as(`{"secret":"` + canary + `","tenant":1,"pad":"` + strings.Repeat("p", 40<<10) + `"]`),
			[]string{"both request main seal 1 body_malformed", "both request other seal 1 body_malformed"}},
		{"cut after a value", "/seal/x", as(`{"secret":"` + canary + `",`), []string{"seal request main seal 1 body_truncated"}},
		{"too large a value after one", "/seal/x", as(`{"secret":1,"x":{"secret":"` + strings.Repeat("s", 40<<10) + `"}}`),
			[]string{"seal request main seal 1 value_too_large"}},
		{"in clear after one that is sealed", "/open-request/x", func(sealed string) string { return "[" + sealed + `,{"secret":5}]` },
			[]string{"open-request request main open 1 value_not_sealed"}},
		{"forged", "/open-request/x", func(sealed string) string { return strings.ReplaceAll(sealed, "A", "B") },
			[]string{"open-request request main open 1 value_not_opened"}},
		{"another tag's", "/open-two/x", func(sealed string) string { return sealed }, []string{"open-two request main open 1 value_not_opened"}},
		{"another key's", "/open-tenant/x", func(sealed string) string { return sealed }, []string{"open-tenant request other open 1 value_not_opened"}},
	} {
		for mode, m := range bodyModes {
			t.Run(c.name+"/"+mode, func(t *testing.T) {
				r := newRig(t, rigOptions{policy: m.policy})
				sealed := r.seal(`{"secret":5}`)
				front := r.front(dataplane.Config{Mode: bothWays(m.mode), Faults: dataplane.Faults{Chunks: []int{11, 4000}}}, nil)
				_, _, _ = front.post(c.path, "application/json", strings.NewReader(c.body(sealed))) // a streamed refusal may break the connection
				r.idle()
				got := keyUses(t, r.uses()[1:]) // the first is of the value that was sealed for the test
				if !sameElements(got, c.want) {
					t.Errorf("got %q\nnot %q", got, c.want)
				}
			})
		}
	}
}

// keyUses adds up the spans of each use, as a reader does, and takes the
// outcome of the last.
func keyUses(t *testing.T, spans []keyusetest.Span) (uses []string) {
	t.Helper()
	var order []string
	fields, outcomes := map[string]int64{}, map[string]string{}
	for _, s := range spans {
		id := fmt.Sprint(s.Attrs["sealmesh.route"], " ", s.Attrs["sealmesh.direction"], " ", s.Attrs["sealmesh.key.name"], " ", s.Attrs["sealmesh.operation"])
		if format := s.Attrs["sealmesh.format"]; format != "json" {
			t.Errorf("%s of format %v", id, format)
		}
		if s.Attrs["sealmesh.partial"] != true {
			order = append(order, id)
		} else if _, ok := fields[id]; !ok {
			t.Errorf("%s adds to nothing", id)
		}
		fields[id] += s.Attrs["sealmesh.fields"].(int64)
		outcomes[id] = "ok"
		if e, ok := s.Attrs["error.type"]; ok {
			outcomes[id] = e.(string)
		}
	}
	for _, id := range order {
		uses = append(uses, fmt.Sprint(id, " ", fields[id], " ", outcomes[id]))
	}
	return uses
}

func sameElements(a, b []string) bool {
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// The key use is in the caller's trace: in the one that Envoy names in the
// metadata, whatever a header says, and else in the header's. The caller is
// whom Envoy vouches for.
func TestKeyUseNamesTheCaller(t *testing.T) {
	const header, envoys = "0123456789abcdef0123456789abcdef-0123456789abcdef", "00112233445566778899aabbccddeeff-0011223344556677"
	for name, c := range map[string]struct {
		metadata metadata.MD
		want     string
	}{
		"header":   {nil, header},
		"metadata": {metadata.Pairs("traceparent", "00-"+envoys+"-00"), envoys},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			m := first(reqHead("/seal/x", false, "content-type", jsonType, "traceparent", "00-"+header+"-00"), buffered, none)
			m.Attributes = attributes(map[string]any{identities[0]: "spiffe://test/caller", AddressAttribute: "10.1.2.3:4"})
			s := r.process(t, metadata.NewOutgoingContext(t.Context(), c.metadata))
			for _, m := range []*msg{m, reqBody(secretBody, true)} {
				must(t, s.Send(m))
				_, err := s.Recv()
				must(t, err)
			}
			use := r.uses()[0]
			if got := fmt.Sprintf("%x-%x", use.TraceId, use.ParentSpanId); got != c.want || use.Attrs["sealmesh.caller"] != "spiffe://test/caller" {
				t.Errorf("trace and parent %s, caller %v", got, use.Attrs["sealmesh.caller"])
			}
		})
	}
}

// broken is a KEK that fails from a moment on.
type broken struct {
	hsm.Provider
	class *atomic.Uint32
}

func (b broken) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	if c := b.class.Load(); c != 0 {
		return nil, nil, &hsm.Error{Class: hsm.Class(c), Provider: "test", Operation: "GenerateDataKey", Err: errors.New("scripted")}
	}
	return b.Provider.GenerateDataKey(ctx, ec)
}

func (b broken) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	if c := b.class.Load(); c != 0 {
		return nil, &hsm.Error{Class: hsm.Class(c), Provider: "test", Operation: "UnwrapDataKey", Err: errors.New("scripted")}
	}
	return b.Provider.UnwrapDataKey(ctx, wrapped, ec)
}

// The same for keys to open with. Where the KMS says that a record is not its
// own, the envelope is as good as forged.
func TestKeysThatFailToOpen(t *testing.T) {
	for class, reason := range map[hsm.Class]keycache.Reason{
		hsm.Unavailable: keycache.KeyUnavailable, hsm.Denied: keycache.KeyDenied, hsm.Misconfigured: keycache.KeyMisconfigured,
		hsm.Unclear: keycache.KeyUnclear, hsm.Corrupt: keycache.OpenFailed,
	} {
		t.Run(class.String(), func(t *testing.T) {
			fails := new(atomic.Uint32)
			r := newRig(t, rigOptions{provider: func(p hsm.Provider) hsm.Provider { return broken{p, fails} }})
			unknown := forge(t, r.seal(`{"secret":5}`))
			fails.Store(uint32(class))
			front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex)}, nil)
			status, got, err := front.post("/open-request/x", "application/json", strings.NewReader(unknown))
			want, code := http.StatusServiceUnavailable, codeKey
			if reason == keycache.OpenFailed {
				want, code = http.StatusUnprocessableEntity, codeOpenFailed
			}
			if err != nil || status != want || !strings.Contains(got, code) {
				t.Errorf("%v, status %d: %s", err, status, got)
			}
			uses := r.uses()[1:]
			if len(uses) != 1 || uses[0].Attrs["error.type"] != string(reason) || uses[0].Attrs["sealmesh.operation"] != "open" {
				t.Errorf("key uses %v", uses)
			}
		})
	}
}

// Outside, an outage, a denial and a mistake look alike; the span tells them
// apart.
func TestKeysThatFail(t *testing.T) {
	for class, reason := range map[hsm.Class]keycache.Reason{
		hsm.Unavailable: keycache.KeyUnavailable, hsm.Denied: keycache.KeyDenied, hsm.Misconfigured: keycache.KeyMisconfigured, hsm.Unclear: keycache.KeyUnclear,
	} {
		t.Run(class.String(), func(t *testing.T) {
			fails := new(atomic.Uint32)
			fails.Store(uint32(class))
			r := newRig(t, rigOptions{provider: func(p hsm.Provider) hsm.Provider { return broken{p, fails} }})
			front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, nil)
			status, got, err := front.post("/seal/x", "application/json", strings.NewReader(`{"secret":"`+canary+`"}`))
			if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(got, codeKey) {
				t.Errorf("%v, status %d: %s", err, status, got)
			}
			uses := r.uses()
			if len(uses) != 1 || uses[0].Attrs["error.type"] != string(reason) {
				t.Errorf("key uses %v", uses)
			}
		})
	}
}

// Best effort, as the policy may ask for, serves on, and counts what it could
// not record.
func TestBestEffortCounts(t *testing.T) {
	r := newRig(t, rigOptions{policy: rigPolicy + "audit: {mode: best_effort}\n", recorder: keyuse.Options{QueueBytes: keyuse.MinQueueBytes}})
	r.collector.Refuse(codes.Unavailable)
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, nil)
	for range 2000 {
		status, got, err := front.post("/seal/x", "application/json", strings.NewReader(`{"secret":"`+canary+`"}`))
		if err != nil || status != http.StatusOK {
			t.Fatalf("%v, status %d: %s", err, status, got)
		}
		if r.recorder.Stats().Dropped > 0 {
			r.collector.Resume()
			return
		}
	}
	t.Error("none was lost, or none was counted")
}

// Where a key use cannot be recorded, nothing leaves; in every mode.
func TestNoRecordNoKey(t *testing.T) {
	for mode, m := range bodyModes {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, rigOptions{policy: m.policy, recorder: keyuse.Options{QueueBytes: keyuse.MinQueueBytes}})
			r.collector.Refuse(codes.Unavailable)
			front := r.front(dataplane.Config{Mode: bothWays(m.mode)}, nil)
			refused := false
			for range 400 {
				status, got, err := front.post("/seal/x", "application/json", strings.NewReader(`{"secret":"`+canary+`"}`))
				must(t, err)
				if status != http.StatusOK {
					if status != http.StatusServiceUnavailable || !strings.Contains(got, codeAudit) {
						t.Fatalf("status %d: %s", status, got)
					}
					refused = true
					break
				}
			}
			if !refused {
				t.Error("never refused")
			}
			passed := strings.Count(front.upstream.everything(), "sm1.")
			r.collector.Resume()
			ok := 0
			for _, s := range r.uses() {
				if _, failed := s.Attrs["error.type"]; !failed {
					ok++
				}
			}
			if ok < passed {
				t.Errorf("%d values reached the upstream, %d key uses were recorded", passed, ok)
			}
		})
	}
}

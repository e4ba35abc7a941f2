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

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

type header = wire.Header

// Exactly one key-use span per exchange, direction, key and operation, with what
// became of it.
func TestKeyUses(t *testing.T) {
	sealed := ""
	two := `{"secret": "` + canary + `", "x": {"secret": 2}, "tenant": null}`
	for _, c := range []struct {
		name, path string
		body       func() string
		want       []string // route direction key operation fields outcome
	}{
		{"two keys, both ways", "/both/x", func() string { return two },
			[]string{"both request main seal 2 ok", "both request other seal 1 ok", "both response main open 2 ok", "both response other open 1 ok"}},
		{"nothing tagged", "/both/x", func() string { return `{}` }, nil},
		{"malformed before any value", "/seal/x", func() string { return `{]` }, nil},
		{"forged", "/open-request/x", func() string { return strings.Replace(sealed, "A", "B", -1) },
			[]string{"open-request request main open 1 value_not_opened"}},
		{"another tag's", "/open-two/x", func() string { return sealed }, []string{"open-two request main open 1 value_not_opened"}},
		{"another key's", "/open-tenant/x", func() string { return sealed }, []string{"open-tenant request other open 1 value_not_opened"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, nil)
			if _, _, err := front.post("/seal/x", "application/json", strings.NewReader(`{"secret":5}`)); err != nil {
				t.Fatal(err)
			}
			sealed = front.upstream.everything()
			_, _, err := front.post(c.path, "application/json", strings.NewReader(c.body()))
			must(t, err)
			var got []string
			for _, s := range r.uses()[1:] { // the first is of the value that was sealed for the test
				outcome := "ok"
				if e, ok := s.Attrs["error.type"]; ok {
					outcome = e.(string)
				}
				got = append(got, fmt.Sprint(s.Attrs["sealmesh.route"], " ", s.Attrs["sealmesh.direction"], " ", s.Attrs["sealmesh.key.name"], " ",
					s.Attrs["sealmesh.operation"], " ", s.Attrs["sealmesh.fields"], " ", outcome))
				if strings.Contains(s.String(), canary) {
					t.Errorf("a span quotes a value: %v", s)
				}
			}
			if !sameElements(got, c.want) {
				t.Errorf("got %q\nnot %q", got, c.want)
			}
		})
	}
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

// A client's trace is the key use's trace.
func TestKeyUseIsInTheCallersTrace(t *testing.T) {
	r := newRig(t, rigOptions{})
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, nil)
	req, err := http.NewRequest(http.MethodPost, front.URL+"/seal/x", strings.NewReader(`{"secret":1}`))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")
	resp, err := front.Client().Do(req)
	must(t, err)
	_ = resp.Body.Close()
	s := r.uses()[0]
	if got := fmt.Sprintf("%x %x", s.TraceId, s.ParentSpanId); got != "0123456789abcdef0123456789abcdef 0123456789abcdef" {
		t.Errorf("trace and parent %s", got)
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

// Outside, an outage, a denial and a mistake look alike; the span tells them apart.
func TestKeysThatFail(t *testing.T) {
	for class, reason := range map[hsm.Class]keycache.Reason{
		hsm.Unavailable: keycache.KeyUnavailable, hsm.Denied: keycache.KeyDenied, hsm.Misconfigured: keycache.KeyMisconfigured,
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

// Where a key use cannot be recorded, nothing leaves; in every mode.
func TestNoRecordNoKey(t *testing.T) {
	for mode, m := range bodyModes {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, rigOptions{recorder: keyuse.Options{QueueBytes: keyuse.MinQueueBytes}})
			r.collector.Refuse(codes.Unavailable)
			front := r.front(dataplane.Config{Mode: bothWays(m)}, nil)
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

// Every reason and every code of the packages below has its place in the table.
func TestCodesAreComplete(t *testing.T) {
	for _, code := range []codec.Code{codec.Malformed, codec.TooDeep, codec.TooLarge, codec.ValueLimit, codec.FieldLimit, codec.NameLimit, codec.Truncated, codec.WrongKind} {
		if _, ok := answers[codeOf(&codec.Error{Code: code})]; !ok {
			t.Errorf("%s has no answer", code)
		}
	}
	for _, reason := range []keycache.Reason{keycache.NotEnvelope, keycache.OpenFailed, keycache.KeyUnavailable, keycache.KeyDenied, keycache.KeyMisconfigured, keycache.AuditFull} {
		if code := codeOf(&keycache.Error{Reason: reason}); answers[code].request == 0 || code == codeInternal {
			t.Errorf("%s becomes %s", reason, code)
		}
	}
}

package keycache

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/keycache/store"
	"github.com/sealmesh/sealmesh/keycache/store/dir"
)

// A talker is a shop that reports its calls, with one failure.
type talker struct {
	*keycachetest.Store
	call store.Call
}

func (s talker) Find(ctx context.Context, slot store.Slot) (envelope.Record, error) {
	s.call.Start, s.call.End = time.Now(), time.Now()
	store.Observe(ctx, s.call)
	return s.Store.Find(ctx, slot)
}

func spansOf(t *testing.T, use func(trace.Tracer)) []sdk.ReadOnlySpan {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	use(provider.Tracer("test"))
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return spans.Ended()
}

// Every request to the store's back end is a client span by the conventions for
// databases, and says what went wrong by a code.
func TestStoreCallsAreSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := errors.New("the secret story")
		for want, call := range map[string]store.Call{
			"42P01":         {Code: "42P01", Err: secret},
			"corrupt":       {Err: store.ErrCorrupt},
			"misconfigured": {Err: store.ErrMisconfigured},
			"timeout":       {Err: context.DeadlineExceeded},
			"unavailable":   {Err: secret},
			"":              {},
		} {
			call.System, call.Operation, call.Collection = "postgresql", "SELECT", "sealmesh_data_keys"
			call.Namespace, call.Server, call.Port = "keys", "db.internal", 5432
			ended := spansOf(t, func(tracer trace.Tracer) {
				opt := storing(talker{keycachetest.NewStore(), call}, true)
				opt.Tracer = tracer
				r := newRig(t, keyOf(keycachetest.NewKMS("a")), opt)
				r.mustSeal("v")
				r.end()
			})
			i := 0
			for i < len(ended) && ended[i].Name() != "SELECT sealmesh_data_keys" {
				i++
			}
			if i == len(ended) {
				t.Fatalf("%s: no span of the store among %d", want, len(ended))
			}
			got := attributes(ended[i])
			for name, value := range map[attribute.Key]string{
				"db.system.name": "postgresql", "db.operation.name": "SELECT", "db.collection.name": "sealmesh_data_keys", "db.namespace": "keys",
				"server.address": "db.internal", "server.port": "5432", "sealmesh.key.name": "k", "error.type": want, "db.response.status_code": call.Code,
			} {
				if got[name] != value {
					t.Errorf("%s: %s is %q, want %q", want, name, got[name], value)
				}
			}
			if ended[i].SpanKind() != trace.SpanKindClient || (ended[i].Status().Code == codes.Error) != (want != "") || ended[i].Status().Description != want {
				t.Errorf("%s: kind %v, status %v", want, ended[i].SpanKind(), ended[i].Status())
			}
			for _, v := range got {
				if strings.Contains(v, "secret story") {
					t.Errorf("%s: %q tells too much", want, v)
				}
			}
		}
	})
}

// A real store's spans name no data key.
func TestStoreSpansNameNoDataKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text []byte
		ended := spansOf(t, func(tracer trace.Tracer) {
			for i := range 2 {
				d, err := dir.Open(filepath.Join(t.TempDir(), "store"))
				if err != nil {
					t.Fatal(err)
				}
				opt := storing(d, true)
				opt.Tracer = tracer
				r := newRig(t, keyOf(keycachetest.NewKMS("a")), opt)
				if i == 0 {
					text = r.mustSeal("v")
				} else {
					_, err = r.open(text) // of another store
					r.wantReason(err, OpenFailed)
				}
				r.end()
			}
		})
		names := map[string]int{}
		id := headerOf(t, text).KeyID
		for _, s := range ended {
			names[s.Name()]++
			if s.Name() == "get store" && s.Status().Code == codes.Error {
				t.Error("no such record is an answer")
			}
			for _, v := range attributes(s) {
				if strings.Contains(v, hex.EncodeToString(id[:4])) || strings.Contains(v, string(id[:])) {
					t.Errorf("%s: %q names a data key", s.Name(), v)
				}
			}
		}
		for _, name := range []string{"find store", "claim store", "get store"} {
			if names[name] != 1 {
				t.Errorf("%d spans %q, want 1: %v", names[name], name, names)
			}
		}
	})
}

// They are below the exchange that was the first to need them, since a sidecar
// begins no trace.
func TestStoreSpansHaveAParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store")
		m := keycachetest.NewKMS("a")
		x := keyuse.Exchange{TraceID: [16]byte{1}, ParentID: [8]byte{2}}
		var text []byte
		ended := spansOf(t, func(tracer trace.Tracer) {
			for i := range 2 {
				d, err := dir.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				opt := storing(d, true)
				opt.Tracer = tracer
				r := newRig(t, keyOf(m), opt)
				s := r.Session(t.Context(), x)
				if i == 0 {
					text, err = s.Seal(nil, r.tag, codec.Text, []byte("v"))
				} else {
					_, _, err = s.Open(nil, r.tag, text)
				}
				if err := errors.Join(err, s.Close(err)); err != nil {
					t.Fatal(err)
				}
				r.end()
			}
		})
		names := map[string]bool{}
		for _, s := range ended {
			names[s.Name()] = true
			if s.Parent().SpanID() != x.ParentID || s.SpanContext().TraceID() != x.TraceID {
				t.Errorf("%s: parent %v", s.Name(), s.Parent())
			}
		}
		if !names["find store"] || !names["claim store"] || !names["get store"] {
			t.Errorf("spans %v", names)
		}
	})
}

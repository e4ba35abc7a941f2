package proxy

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// counting counts what a KEK is asked to unwrap.
type counting struct {
	hsm.Provider
	unwraps *atomic.Int64
}

func (c counting) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	c.unwraps.Add(1)
	return c.Provider.UnwrapDataKey(ctx, wrapped, ec)
}

// A body full of forged envelopes, each with a record of its own, costs few
// calls.
func TestForgedBodyCostsFewCalls(t *testing.T) {
	unwraps := new(atomic.Int64)
	r := newRig(t, rigOptions{provider: func(p hsm.Provider) hsm.Provider { return counting{p, unwraps} }})
	sealed := r.seal(`{"secret":"x"}`)
	var body strings.Builder
	body.WriteString("[")
	for range 200 {
		body.WriteString(forge(t, sealed) + ",")
	}
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeBuffered)}, nil)
	before := unwraps.Load()
	status, got, err := front.post("/open-request/x", "application/json", strings.NewReader(body.String()+"{}]"))
	if err != nil || status != http.StatusUnprocessableEntity {
		t.Errorf("%v, status %d: %s", err, status, got)
	}
	if n := unwraps.Load() - before; n > 1+firstReach {
		t.Errorf("%d calls of the KEK", n)
	}
}

// forge returns the body {"secret": envelope} with a record that no KEK has
// wrapped.
func forge(t *testing.T, sealed string) string {
	t.Helper()
	good := strings.TrimSuffix(strings.TrimPrefix(sealed, `{"secret":"`), `"}`)
	h, payload, _, err := envelope.Parse(nil, []byte(good))
	must(t, err)
	record, err := envelope.ParseRecord(h.Record)
	must(t, err)
	rand.Read(record.Commitment[:])
	h.KeyID, h.Record = record.KeyID(), envelope.AppendRecord(nil, record)
	return `{"secret":"` + string(envelope.Append(nil, h, payload)) + `"}`
}

package keycache

import (
	"context"
	"crypto/rand"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// One client that sends forged envelopes for an hour, while no collector takes
// anything, fills the record for nobody else.
func TestForgedEnvelopesFillNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := keycachetest.NewKMS("a")
		good := foreign(t, 1, "v", m)[0]
		h, payload, _, err := envelope.Parse(nil, good)
		if err != nil {
			t.Fatal(err)
		}
		record, err := envelope.ParseRecord(h.Record)
		if err != nil {
			t.Fatal(err)
		}
		c, out := make(stuck), &keycachetest.Console{}
		rec, err := keyuse.Open(keyuse.Options{Required: true, QueueBytes: keyuse.MinQueueBytes, Getenv: keycachetest.ToConsole, Console: io.MultiWriter(c, out)})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, keyOf(m), Options{Recorder: rec})
		r.out = out
		const forgeries = 3600
		for range forgeries {
			time.Sleep(time.Second)
			rand.Read(record.Commitment[:])
			h.KeyID, h.Record = record.KeyID(), envelope.AppendRecord(nil, record)
			s := r.Session(context.Background(), keyuse.Exchange{Caller: "attacker"})
			_, _, err := s.Open(nil, r.tag, envelope.Append(nil, h, payload))
			if err == nil {
				t.Fatal("a forged envelope opens")
			}
			if err := s.Close(err); err != nil {
				t.Fatal(err)
			}
		}
		r.mustOpen(good, "v")
		r.mustSeal("w")
		close(c)
		n := 0.0
		for _, u := range r.end() {
			if u["sealmesh.outcome"] == "error" {
				n += u["sealmesh.fields"].(float64)
			}
		}
		wantCount(t, "failed in the record", int64(n), forgeries)
	})
}

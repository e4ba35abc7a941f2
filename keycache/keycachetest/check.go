package keycachetest

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// KeyOf returns a key "k" whose KEKs are kmss and whose quorum is 1.
func KeyOf(kmss ...*KMS) *hsm.Key {
	ec, err := hsm.NewEncryptionContext(map[string]string{"service": "test"})
	if err != nil {
		panic(err)
	}
	k := &hsm.Key{Name: "k", Context: ec, Quorum: 1}
	for _, m := range kmss {
		k.KEKs = append(k.KEKs, m.KEK())
	}
	return k
}

// HeaderOf parses an envelope.
func HeaderOf(t testing.TB, text []byte) envelope.Header {
	t.Helper()
	h, _, _, err := envelope.Parse(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// WantShape is HeaderOf for an envelope whose record is inline, or is not.
func WantShape(t testing.TB, text []byte, inline bool) envelope.Header {
	t.Helper()
	h := HeaderOf(t, text)
	if (h.Record != nil) != inline {
		t.Fatalf("the record is inline: %t, want %t", h.Record != nil, inline)
	}
	return h
}

// RecordOf parses a record.
func RecordOf(t testing.TB, b []byte) envelope.Record {
	t.Helper()
	r, err := envelope.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// WithRecord returns text with its inline record changed.
func WithRecord(t testing.TB, text []byte, change func(*envelope.Record)) []byte {
	t.Helper()
	h, payload, _, err := envelope.Parse(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	record := RecordOf(t, h.Record)
	change(&record)
	h.Record = envelope.AppendRecord(nil, record)
	return envelope.Append(nil, h, payload)
}

// WantCount fails the test unless got is want.
func WantCount(t testing.TB, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d, want %d", what, got, want)
	}
}

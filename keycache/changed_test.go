package keycache

import (
	"encoding/base64"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
)

// What of an envelope may be changed unnoticed while its data key is cached:
// the wraps in its record, and nothing else. The value itself is authentic all
// the while. Once the record has to be unwrapped, no change passes.
func TestChangedEnvelope(t *testing.T) {
	m := keycachetest.NewKMS("a")
	text := foreign(t, 1, "v", m)[0]
	record := headerOf(t, text).Record
	wraps := 1 + len(envelope.Commitment(nil)) + 1 // version, commitment, count
	from := 20 + wraps + 1 + 4 + 2                 // head and length; kind, KEK and length of the wrap
	to := 20 + len(record)
	bin, err := base64.RawURLEncoding.DecodeString(string(text[len(envelope.Prefix):]))
	if err != nil {
		t.Fatal(err)
	}
	cached, cold := newRig(t, keyOf(m), Options{}), newRig(t, keyOf(m), Options{})
	defer cached.end()
	defer cold.end()
	cached.mustOpen(text, "v")
	for i := range bin {
		for _, bit := range []byte{1, 0x80} {
			bin[i] ^= bit
			changed := append([]byte(envelope.Prefix), base64.RawURLEncoding.EncodeToString(bin)...)
			bin[i] ^= bit
			got, err := cached.open(changed)
			if err == nil && (got != "v" || i < from-7 || i >= to) {
				t.Errorf("byte %d ^ %#x: opens to %q while cached", i, bit, got)
			}
			if err != nil && i >= from && i < to {
				t.Errorf("byte %d ^ %#x of the wrap: %v; docs/threat-model.md says that it opens", i, bit, err)
			}
			if got, err := cold.open(changed); err == nil {
				t.Errorf("byte %d ^ %#x: opens to %q, uncached", i, bit, got)
			}
		}
	}
}

package envelope_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// What a codec looks for is what every envelope begins with, of each suite,
// kind and reference, and nothing that a text may well begin with.
func TestIsHead(t *testing.T) {
	for s := range suite.All() {
		for _, kind := range []codec.Kind{codec.Text, codec.Literal, codec.Bytes, codec.Raw} {
			for _, record := range [][]byte{nil, []byte("a record")} {
				text, err := seal(nil, header(s.ID, kind, record), newCipher(t, s.ID, testKey), []byte("v"), testContext)
				if err != nil {
					t.Fatal(err)
				}
				if !envelope.IsHead(text) || !envelope.IsHead(text[:codec.HeadLen]) || !codec.HoldsEnvelope(append([]byte("sm1. x "), text...), envelope.IsHead) {
					t.Errorf("suite %d, kind %d: %s is not known for an envelope", s.ID, kind, text)
				}
				if envelope.IsHead(text[:codec.HeadLen-1]) || envelope.IsHead(text[1:]) {
					t.Errorf("a part of %s is taken for a head", text)
				}
			}
		}
	}
	for name, text := range map[string]string{
		"no suite":     "sm1." + (enc(make([]byte, 18))),
		"an odd suite": "sm1." + (enc(append([]byte{16, 0}, make([]byte, 16)...))),
		"odd shape":    "sm1." + (enc(append([]byte{1, 0xe0}, make([]byte, 16)...))),
		"no reference": "sm1." + (enc(append([]byte{1, 2}, make([]byte, 16)...))),
		"a file name":  "sm1.configuration-of-the-router.json",
		"other format": "sm2." + (enc(append([]byte{1, 0}, make([]byte, 16)...))),
	} {
		if envelope.IsHead([]byte(text)) {
			t.Errorf("%s: %s is taken for an envelope", name, text)
		}
	}
	// A kind or a suite that a later version adds is refused too.
	for name, head := range map[string][]byte{"kind": {1, 7 << 2}, "suite": {9, 0}} {
		if later := append([]byte("sm1."), enc(append(head, bytes.Repeat([]byte{5}, 16)...))...); !envelope.IsHead(later) {
			t.Errorf("a later %s is let pass", name)
		}
	}
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

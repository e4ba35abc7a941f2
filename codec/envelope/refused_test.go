package envelope_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// makeRefused spoils one envelope of every suite in every way.
func makeRefused(t *testing.T) []refusal {
	var all []refusal
	for s := range suite.All() {
		good := golden{
			Seed: 99, DataKey: bytes.Repeat([]byte{byte(s.ID)}, suite.KeySize), Suite: s.ID, Plaintext: hexBytes("123-45-678"),
			Tag: "pii.ssn", Context: map[string]string{"tenant": "acme"},
		}
		good.Record = envelope.AppendRecord(nil, shortRecord(good.DataKey))
		good.Text = good.seal(t)
		add := func(name, want string, change func(*golden)) {
			g := good
			change(&g)
			all = append(all, refusal{Name: s.Name + ": " + name, Want: want, golden: g})
		}
		text := func(f func(text string) string) func(*golden) {
			return func(g *golden) { g.Text = f(g.Text) }
		}
		binary := func(f func(bin []byte) []byte) func(*golden) {
			return text(func(text string) string {
				bin, err := base64.RawURLEncoding.DecodeString(text[len(envelope.Prefix):])
				if err != nil {
					t.Fatal(err)
				}
				return envelope.Prefix + base64.RawURLEncoding.EncodeToString(f(bin))
			})
		}
		flip := func(i int, bits byte) func(*golden) {
			return binary(func(bin []byte) []byte { bin[(len(bin)+i)%len(bin)] ^= bits; return bin })
		}
		add("plaintext", "not an envelope", text(func(string) string { return "123-45-678" }))
		add("no prefix", "not an envelope", text(func(s string) string { return s[len(envelope.Prefix):] }))
		add("later version", "future version", text(func(s string) string { return "sm2." + s[len(envelope.Prefix):] }))
		add("unknown suite", "unknown suite", binary(func(bin []byte) []byte { bin[0] = 200; return bin }))
		add("reserved bit", "malformed", flip(1, 1<<7))
		add("unknown key reference", "malformed", flip(1, 2))
		add("unknown kind", "future version", flip(1, 4<<2))
		add("padding", "malformed", text(func(s string) string { return s + "=" }))
		add("line end", "malformed", text(func(s string) string { return s + "\n" }))
		add("cut to the header", "malformed", binary(func(bin []byte) []byte { return bin[:18] }))
		add("record longer than all", "malformed", binary(func(bin []byte) []byte { bin[18] = 0xff; return bin }))
		add("cut by a byte", "not authentic", binary(func(bin []byte) []byte { return bin[:len(bin)-1] }))
		add("last bit flipped", "not authentic", flip(-1, 1))
		add("first bit of the payload flipped", "not authentic", flip(20+len(good.Record), 0x80))
		add("another key", "not authentic", func(g *golden) { g.rekey() })
		add("another tag", "not authentic", func(g *golden) { g.Tag = "pii" })
		add("another context", "not authentic", func(g *golden) { g.Context = map[string]string{"tenant": "emca"} })
		add("no context", "not authentic", func(g *golden) { g.Context = nil })
	}
	return all
}

func shortRecord(key []byte) envelope.Record {
	return envelope.Record{Commitment: envelope.Commitment(key), Wraps: []envelope.Wrap{{ProviderID: 1, Wrapped: []byte("wrapped")}}}
}

// rekey gives g another data key, and its text that key's id and record, as who
// has a key of their own could do.
func (g *golden) rekey() {
	g.DataKey = bytes.Repeat([]byte{0x77}, suite.KeySize)
	h, payload, _, err := envelope.Parse(nil, []byte(g.Text))
	if err != nil {
		panic(err)
	}
	r := shortRecord(g.DataKey)
	g.Record = envelope.AppendRecord(nil, r)
	h.KeyID, h.Record = r.KeyID(), g.Record
	g.Text = string(envelope.Append(nil, h, payload))
}

package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

var (
	testKey     = bytes.Repeat([]byte{7}, suite.KeySize)
	testContext = fieldContext("pii.ssn", map[string]string{"tenant": "acme", "service": "customers"})
)

func newCipher(t testing.TB, id suite.ID, key []byte) suite.Cipher {
	t.Helper()
	c, err := suite.ByID(id).New(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func header(id suite.ID, kind codec.Kind, record []byte) envelope.Header {
	commitment := envelope.Commitment(testKey)
	return envelope.Header{Suite: id, Kind: kind, KeyID: envelope.KeyID(commitment[:16]), Record: record}
}

// headers yields every suite, kind and key reference.
func headers(yield func(string, envelope.Header) bool) {
	for s := range suite.All() {
		for kind := codec.Text; kind <= codec.Raw; kind++ {
			for _, record := range [][]byte{nil, []byte("a record")} {
				name := fmt.Sprintf("%s/kind %d/inline %t", s.Name, kind, record != nil)
				if !yield(name, header(s.ID, kind, record)) {
					return
				}
			}
		}
	}
}

func TestSealOpen(t *testing.T) {
	for name, h := range headers {
		t.Run(name, func(t *testing.T) {
			c := newCipher(t, h.Suite, testKey)
			for _, n := range []int{0, 1, 2, 3, 15, 16, 17, 1000} {
				value := bytes.Repeat([]byte("x"), n)
				dst, err := seal([]byte("before"), h, c, value, testContext)
				if err != nil {
					t.Fatal(err)
				}
				text, ok := bytes.CutPrefix(dst, []byte("before"))
				if !ok {
					t.Fatal("Seal changed what dst held")
				}
				if want := envelope.EncodedLen(len(h.Record), suite.ByID(h.Suite).Overhead+n); len(text) != want {
					t.Errorf("%d bytes of text, EncodedLen says %d", len(text), want)
				}
				got, payload, buf, err := envelope.Parse(nil, text)
				if err != nil {
					t.Fatal(err)
				}
				if got.Suite != h.Suite || got.Kind != h.Kind || got.KeyID != h.KeyID || !bytes.Equal(got.Record, h.Record) {
					t.Fatalf("parsed %v, wrote %v", got, h)
				}
				out, _, err := envelope.Open([]byte("before"), buf, got, c, payload, testContext)
				if err != nil || string(out) != "before"+string(value) {
					t.Fatalf("opened %q, %v", out, err)
				}
				if again := envelope.Append(nil, got, payload); !bytes.Equal(again, text) {
					t.Error("parse then append changed the text")
				}
			}
		})
	}
}

func TestSealRefuses(t *testing.T) {
	c := newCipher(t, suite.XAES256GCM, testKey)
	for name, h := range map[string]envelope.Header{
		"no suite":        {},
		"unknown suite":   {Suite: 4},
		"kind of 8 bits":  {Suite: suite.XAES256GCM, Kind: 0xff},
		"unknown kind":    {Suite: suite.XAES256GCM, Kind: 4},
		"record too long": {Suite: suite.XAES256GCM, Record: make([]byte, envelope.MaxInline+1)},
		"another size":    {Suite: suite.AES256SIV},
		"another suite":   {Suite: suite.HKDFAES256GCM},
	} {
		if out, err := seal([]byte("dst"), h, c, []byte("v"), nil); err == nil || string(out) != "dst" {
			t.Errorf("%s: Seal gave %q, %v", name, out, err)
		}
	}
	h := header(suite.XAES256GCM, codec.Text, make([]byte, envelope.MaxInline))
	text, err := seal(nil, h, c, []byte("v"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _, err := envelope.Parse(nil, text); err != nil || len(got.Record) != envelope.MaxInline {
		t.Errorf("the longest record does not come back: %v", err)
	}
}

// A value that lies where the result goes must not be sealed half overwritten.
func TestSealOverlap(t *testing.T) {
	for s := range suite.All() {
		h, c := header(s.ID, codec.Text, nil), newCipher(t, s.ID, testKey)
		buf := make([]byte, 500)
		for at := range len(buf) - 16 {
			value := buf[at:][:16]
			copy(value, "0123456789abcdef")
			text, err := seal(buf[:50], h, c, value, testContext)
			if err != nil {
				continue
			}
			got, payload, parsed, err := envelope.Parse(nil, text[50:])
			if err != nil {
				t.Fatal(err)
			}
			if out, _, err := envelope.Open(nil, parsed, got, c, payload, testContext); err != nil || string(out) != "0123456789abcdef" {
				t.Errorf("%s: a value at %d was sealed as %q, %v", s.Name, at, out, err)
			}
		}
	}
}

// Whatever is changed, the value must not open, and the reason must not show.
func TestOpenRefuses(t *testing.T) {
	value := []byte("123-45-6789")
	for name, h := range headers {
		t.Run(name, func(t *testing.T) {
			c := newCipher(t, h.Suite, testKey)
			text, err := seal(nil, h, c, value, testContext)
			if err != nil {
				t.Fatal(err)
			}
			_, payload, buf, err := envelope.Parse(nil, text)
			if err != nil {
				t.Fatal(err)
			}
			refuse := func(what string, h envelope.Header, c suite.Cipher, payload, context []byte) {
				t.Helper()
				out, _, err := envelope.Open(nil, bytes.Clone(buf), h, c, payload, context)
				if err != suite.ErrOpen || len(out) != 0 {
					t.Errorf("%s: opened %q, %v", what, out, err)
				}
			}
			refuse("wrong key", h, newCipher(t, h.Suite, bytes.Repeat([]byte{8}, 32)), payload, testContext)
			refuse("no context", h, c, payload, nil)
			refuse("another tag", h, c, payload, fieldContext("pii.email", map[string]string{"tenant": "acme", "service": "customers"}))
			refuse("another tenant", h, c, payload, fieldContext("pii.ssn", map[string]string{"tenant": "evil", "service": "customers"}))
			for i := range h.KeyID {
				g := h
				g.KeyID[i] ^= 1
				refuse("another key id", g, c, payload, testContext)
			}
			for kind := codec.Text; kind <= codec.Raw; kind++ {
				if g := h; g.Kind != kind {
					g.Kind = kind
					refuse("another kind", g, c, payload, testContext)
				}
			}
			for s := range suite.All() {
				if g := h; s.ID != h.Suite {
					g.Suite = s.ID
					refuse("another suite", g, c, payload, testContext)
					refuse("another suite's cipher", g, newCipher(t, s.ID, testKey), payload, testContext)
				}
			}
			g := h
			g.Record = []byte("wrapped anew")
			if out, _, err := envelope.Open(nil, bytes.Clone(buf), g, c, payload, testContext); err != nil || !bytes.Equal(out, value) {
				t.Errorf("a value must open however its key is referred to: %v", err)
			}
		})
	}
}

// Every change of one character of the text must be refused, by the parser or
// by the suite.
func TestEveryCharacterCounts(t *testing.T) {
	for name, h := range headers {
		t.Run(name, func(t *testing.T) {
			c := newCipher(t, h.Suite, testKey)
			text, err := seal(nil, h, c, []byte("42"), testContext)
			if err != nil {
				t.Fatal(err)
			}
			opens := func(text []byte) bool {
				got, payload, buf, err := envelope.Parse(nil, text)
				if err != nil {
					return false
				}
				if !bytes.Equal(envelope.Append(nil, got, payload), text) {
					t.Errorf("%q is not canonical", text)
				}
				// What is not authenticated is how the key is found: it finds another or
				// none.
				if got.KeyID != h.KeyID || !bytes.Equal(got.Record, h.Record) {
					return false
				}
				_, _, err = envelope.Open(nil, buf, got, c, payload, testContext)
				return err == nil
			}
			if !opens(text) {
				t.Fatal("the sealed value does not open")
			}
			for i := range text {
				if opens(text[:i]) {
					t.Errorf("opens when cut to %d characters", i)
				}
				for _, with := range []byte("A-_z9=.\n \x00\xff") {
					changed := bytes.Clone(text)
					changed[i] = with
					if with != text[i] && opens(changed) {
						t.Errorf("opens with %q at %d", with, i)
					}
					if longer := append(bytes.Clone(text[:i]), append([]byte{with}, text[i:]...)...); opens(longer) {
						t.Errorf("opens with %q added at %d", with, i)
					}
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	valid := func(mutate func(bin []byte) []byte) string {
		h := header(suite.AES256SIV, codec.Text, []byte("rec"))
		return string(rebuild(t, h, mutate))
	}
	set := func(i int, b byte) func([]byte) []byte {
		return func(bin []byte) []byte { bin[i] = b; return bin }
	}
	same := func(bin []byte) []byte { return bin }
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"valid", valid(same), nil},
		{"empty", "", envelope.ErrNotEnvelope},
		{"a value", "123-45-6789", envelope.ErrNotEnvelope},
		{"beginning of the prefix", "sm1", envelope.ErrNotEnvelope},
		{"upper case", "SM1.AAAA", envelope.ErrNotEnvelope},
		{"version 0", "sm0.AAAA", envelope.ErrNotEnvelope},
		{"leading zero", "sm01.AAAA", envelope.ErrNotEnvelope},
		{"no dot", "sm2AAAA", envelope.ErrNotEnvelope},
		{"a stored key", "smk1.AAAA", envelope.ErrNotEnvelope},
		{"space before", " " + valid(same), envelope.ErrNotEnvelope},
		{"version 2", "sm2.AAAA", envelope.ErrFutureVersion},
		{"version 10", "sm10.", envelope.ErrFutureVersion},
		{"prefix alone", "sm1.", envelope.ErrMalformed},
		{"space behind", valid(same) + " ", envelope.ErrMalformed},
		{"line end behind", valid(same) + "\n", envelope.ErrMalformed},
		{"line ends behind", valid(same) + "\r\n\r\n", envelope.ErrMalformed},
		{"padding", valid(same) + "=", envelope.ErrMalformed},
		{"standard alphabet", "sm1.++//" + valid(same)[8:], envelope.ErrMalformed},
		{"trailing bits", nonZeroTail(t), envelope.ErrMalformed},
		{"suite 0", valid(set(0, 0)), envelope.ErrUnknownSuite},
		{"suite 4", valid(set(0, 4)), envelope.ErrUnknownSuite},
		{"suite 255", valid(set(0, 255)), envelope.ErrUnknownSuite},
		{"suite 2, payload too short for it", valid(set(0, 2)), envelope.ErrMalformed},
		{"reference 2", valid(set(1, 2)), envelope.ErrMalformed},
		{"reference 3", valid(set(1, 3)), envelope.ErrMalformed},
		{"kind 3", valid(set(1, 1|3<<2)), nil},
		{"kind 4", valid(set(1, 1|4<<2)), envelope.ErrFutureVersion},
		{"kind 7", valid(set(1, 1|7<<2)), envelope.ErrFutureVersion},
		{"kind 3, bit 5", valid(set(1, 1|3<<2|1<<5)), envelope.ErrMalformed},
		{"bit 5", valid(set(1, 1|1<<5)), envelope.ErrMalformed},
		{"bit 6", valid(set(1, 1|1<<6)), envelope.ErrMalformed},
		{"bit 7", valid(set(1, 1|1<<7)), envelope.ErrMalformed},
		{"record of no bytes", valid(set(19, 0)), envelope.ErrMalformed},
		{"record past the end", valid(set(18, 255)), envelope.ErrMalformed},
		{"record takes of the payload", valid(set(19, 4)), envelope.ErrMalformed},
		{"half a length", valid(func(b []byte) []byte { return b[:19] }), envelope.ErrMalformed},
		{"half a key id", valid(func(b []byte) []byte { return b[:10] }), envelope.ErrMalformed},
		{"payload a byte short", valid(func(b []byte) []byte { return b[:len(b)-1] }), envelope.ErrMalformed},
	} {
		h, payload, _, err := envelope.Parse(nil, []byte(tt.text))
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if err != nil && (h.Suite != 0 || h.Record != nil || payload != nil) {
			t.Errorf("%s: parts are returned with an error", tt.name)
		}
	}
}

func TestFieldContext(t *testing.T) {
	seen := make(map[string]string)
	for name, context := range map[string][]byte{
		"tag":             fieldContext("ab", nil),
		"one pair":        fieldContext("a", map[string]string{"b": ""}),
		"pair moved":      fieldContext("a", map[string]string{"": "b"}),
		"name and value":  fieldContext("a", map[string]string{"b": "c"}),
		"boundary moved":  fieldContext("a", map[string]string{"bc": ""}),
		"swapped":         fieldContext("a", map[string]string{"c": "b"}),
		"two pairs":       fieldContext("a", map[string]string{"b": "c", "d": "e"}),
		"two pairs, else": fieldContext("a", map[string]string{"b": "e", "d": "c"}),
	} {
		if other, ok := seen[string(context)]; ok {
			t.Errorf("%s and %s have one encoding", name, other)
		}
		seen[string(context)] = name
	}
	want := "\x00\x00\x00\x01t\x00\x00\x00\x01a\x00\x00\x00\x021!\x00\x00\x00\x01b\x00\x00\x00\x00"
	for range 20 { // however the map is walked
		if got := fieldContext("t", map[string]string{"b": "", "a": "1!"}); string(got) != want {
			t.Fatalf("got %q", got)
		}
	}
}

func TestAppendAAD(t *testing.T) {
	h := envelope.Header{Suite: 2, Kind: codec.Bytes, KeyID: envelope.KeyID([]byte("0123456789abcdef")), Record: []byte("not in it")}
	if got := envelope.AppendAAD([]byte("dst"), h, []byte("ctx")); string(got) != "dstsm1.\x02\x020123456789abcdefctx" {
		t.Errorf("got %q", got)
	}
}

func TestCommitment(t *testing.T) {
	a, b := envelope.Commitment(testKey), envelope.Commitment(bytes.Repeat([]byte{8}, 32))
	if a == b {
		t.Error("two keys have one commitment")
	}
}

// Append refuses to write over what it writes: at no offset does another
// envelope come out.
func TestAppendOverlap(t *testing.T) {
	h, c := header(suite.XAES256GCM, codec.Text, []byte("a record")), newCipher(t, suite.XAES256GCM, testKey)
	text, err := seal(nil, h, c, bytes.Repeat([]byte("v"), 150), testContext)
	if err != nil {
		t.Fatal(err)
	}
	appended := func(dst []byte, h envelope.Header, payload []byte) (out []byte) {
		defer func() {
			if recover() != nil {
				out = nil
			}
		}()
		return envelope.Append(dst, h, payload)
	}
	apart := false
	for offset := range 1500 {
		b := make([]byte, 3000)
		got, payload, _, err := envelope.Parse(b[offset:offset], text)
		if err != nil {
			t.Fatal(err)
		}
		again := appended(b[:0], got, payload)
		if again != nil && !bytes.Equal(again, text) {
			t.Fatalf("offset %d: another envelope is written", offset)
		}
		apart = apart || again != nil
	}
	if !apart {
		t.Error("what lies past the room that Append needs is refused too")
	}
}

package envelope_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// Parse then Append gives the same bytes, or Parse failed.
func FuzzParse(f *testing.F) {
	for _, h := range headers {
		f.Add(envelope.Append(nil, h, make([]byte, 40)))
	}
	var refused []refusal
	readJSON(f, "testdata/v1/refused.json", &refused)
	for _, r := range refused {
		f.Add([]byte(r.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dirty := bytes.Repeat([]byte{0xee}, 64)
		h, payload, buf, err := envelope.Parse(dirty, text)
		if err != nil {
			if h.Suite != 0 || payload != nil {
				t.Fatal("parts are returned with an error")
			}
			return
		}
		if again := envelope.Append(nil, h, payload); !bytes.Equal(again, text) {
			t.Fatalf("%q became %q", text, again)
		}
		if envelope.EncodedLen(len(h.Record), len(payload)) != len(text) {
			t.Fatal("EncodedLen is wrong")
		}
		c := newCipher(t, h.Suite, testKey)
		if out, _, err := envelope.Open(nil, buf, h, c, payload, testContext); err == nil {
			t.Fatalf("%q opens to %q", text, out)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add(envelope.AppendRecord(nil, goldenRecord(testKey)))
	f.Fuzz(func(t *testing.T, bin []byte) {
		r, err := envelope.ParseRecord(bin)
		if err != nil {
			return
		}
		if again := envelope.AppendRecord(nil, r); !bytes.Equal(again, bin) {
			t.Fatalf("%x became %x", bin, again)
		}
	})
}

func FuzzParseRecordText(f *testing.F) {
	f.Add(envelope.AppendRecordText(nil, goldenRecord(testKey)))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := envelope.ParseRecordText(text)
		if err != nil {
			return
		}
		if again := envelope.AppendRecordText(nil, r); !bytes.Equal(again, text) {
			t.Fatalf("%q became %q", text, again)
		}
	})
}

// What Seal writes, Parse and Open read, and no other context opens it.
func FuzzSealOpen(f *testing.F) {
	f.Add(uint8(0), uint8(0), []byte(nil), []byte("123-45-6789"), "pii.ssn", "acme")
	f.Add(uint8(1), uint8(1), []byte("record"), []byte(`{"a":1}`), "pii", "")
	f.Add(uint8(2), uint8(2), []byte(nil), []byte{}, "", "\x00")
	f.Fuzz(func(t *testing.T, id, kind uint8, record, value []byte, tag, tenant string) {
		h := header(suite.ID(id%3+1), codec.Kind(kind%4), record[:min(len(record), envelope.MaxInline)])
		c := newCipher(t, h.Suite, testKey)
		context := fieldContext(tag, map[string]string{"tenant": tenant})
		text, err := seal(nil, h, c, value, context)
		if err != nil {
			t.Fatal(err)
		}
		got, payload, buf, err := envelope.Parse(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		out, buf, err := envelope.Open(nil, buf, got, c, payload, context)
		if err != nil || !bytes.Equal(out, value) || got.Kind != h.Kind {
			t.Fatalf("opened %q, %v", out, err)
		}
		if _, _, err := envelope.Open(nil, buf, got, c, payload, append(context, 0)); err != suite.ErrOpen {
			t.Fatalf("opens under another context: %v", err)
		}
	})
}

// A Parser says of every envelope what Parse says, whichever came before.
func FuzzParser(f *testing.F) {
	var seeds []string
	for _, h := range headers {
		for n := range 4 {
			seeds = append(seeds, string(envelope.Append(nil, h, make([]byte, 40+n))))
		}
	}
	for i, a := range seeds {
		b := seeds[(i+1)%len(seeds)]
		f.Add(a, b, uint16(0))
		f.Add(a, a[:len(a)-1]+"B", uint16(len(a)))
		f.Add(a, a[:len(a)-1]+"\n", uint16(i))
		f.Add(a, a[:30+i%20], uint16(i))
		f.Add(a, a+b, uint16(len(a)/2))
	}
	f.Fuzz(func(t *testing.T, a, b string, shared uint16) {
		k := min(int(shared), len(a))
		var p envelope.Parser
		var buf []byte
		for _, text := range []string{a, b, a[:k] + b, a, a[:k], b} {
			want, wantPayload, _, wantErr := envelope.Parse(nil, []byte(text))
			got, payload, out, err := p.Parse(buf, []byte(text))
			if err != wantErr || !reflect.DeepEqual(got, want) || !bytes.Equal(payload, wantPayload) {
				t.Fatalf("%q: %+v, %x, %v\nParse says %+v, %x, %v", text, got, payload, err, want, wantPayload, wantErr)
			}
			buf = out
		}
	})
}

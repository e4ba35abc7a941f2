package envelope_test

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

var update = flag.Bool("update", false, "write the golden files that are missing; none is ever written again")

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// A golden is one envelope that opens for ever.
type golden struct {
	Seed      uint64            `json:"seed"` // of cryptotest.SetGlobalRandom, when it was sealed
	DataKey   hexBytes          `json:"data_key"`
	Suite     suite.ID          `json:"suite"`
	Kind      codec.Kind        `json:"kind"`
	Record    hexBytes          `json:"record,omitempty"`
	Tag       string            `json:"tag"`
	Context   map[string]string `json:"context"`
	Plaintext hexBytes          `json:"plaintext"`
	Text      string            `json:"text"`
}

// seal is how g.Text was made.
func (g golden) seal(t *testing.T) string {
	t.Helper()
	if !suite.ByID(g.Suite).Deterministic {
		cryptotest.SetGlobalRandom(t, g.Seed)
	}
	commitment := envelope.Commitment(g.DataKey)
	h := envelope.Header{Suite: g.Suite, Kind: g.Kind, KeyID: envelope.KeyID(commitment[:16]), Record: g.Record}
	text, err := seal(nil, h, newCipher(t, g.Suite, g.DataKey), g.Plaintext, fieldContext(g.Tag, g.Context))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open is what a reader does, and checks all that it may check.
func (g golden) open(t *testing.T) ([]byte, error) {
	t.Helper()
	h, payload, buf, err := envelope.Parse(nil, []byte(g.Text))
	if err != nil {
		return nil, err
	}
	commitment := envelope.Commitment(g.DataKey)
	if h.Suite != g.Suite || h.Kind != g.Kind || h.KeyID != envelope.KeyID(commitment[:16]) || !bytes.Equal(h.Record, g.Record) {
		t.Errorf("parsed as %+v", h)
	}
	if again := envelope.Append(nil, h, payload); string(again) != g.Text {
		t.Error("parse then append changes the text")
	}
	if h.Record != nil {
		r, err := envelope.ParseRecord(h.Record)
		if err != nil || r.Commitment != commitment || r.KeyID() != h.KeyID {
			t.Errorf("the record does not parse, or is another key's: %v", err)
		}
	}
	out, _, err := envelope.Open(nil, buf, h, newCipher(t, h.Suite, g.DataKey), payload, fieldContext(g.Tag, g.Context))
	return out, err
}

func TestGolden(t *testing.T) {
	plaintexts := [...]string{
		codec.Text:    "Zoë Müller, 123-45-6789",
		codec.Literal: `{"number": "4111 1111 1111 1111", "limit": 1.50e3, "a\u0062": [true, null]}`,
		codec.Bytes:   "\x00\x01\xfe\xff\r\n",
		codec.Raw:     string(rune(codec.XMLContent)) + "M&#252;ller <!-- & --> ",
	}
	n := 0
	for s := range suite.All() {
		for kind, plaintext := range plaintexts {
			for _, reference := range []string{"by-id", "inline"} {
				n++
				seed := uint64(n - n/8*2) // the files of kinds 0 to 2 were made before there was kind 3
				if codec.Kind(kind) == codec.Raw {
					seed = uint64(200 + n)
				}
				name := fmt.Sprintf("%s-kind%d-%s", s.Name, kind, reference)
				t.Run(name, func(t *testing.T) {
					key := sha256.Sum256([]byte("golden data key " + name))
					g := golden{
						Seed: seed, DataKey: key[:], Suite: s.ID, Kind: codec.Kind(kind), Plaintext: hexBytes(plaintext),
						Tag: "pii.card", Context: map[string]string{"service": "customers", "tenant": "acme"},
					}
					if reference == "inline" {
						g.Record = envelope.AppendRecord(nil, goldenRecord(g.DataKey))
					}
					testGolden(t, filepath.Join("testdata", "v1", name+".json"), g)
				})
			}
		}
	}
	if files, err := filepath.Glob("testdata/v1/*-kind?-*.json"); err != nil || len(files) != n {
		t.Errorf("%d golden files, not %d: %v", len(files), n, err)
	}
}

// Envelopes whose context has a pair from the path of a request open for ever
// in that record, and in no other: bytes count, not what they look like.
func TestGoldenBound(t *testing.T) {
	ids := []string{"9", "00000000-0000-4000-8000-000000000001", "Zo\u00eb M.", "a+b %"}
	others := []string{"", "09", "9 ", "00000000-0000-4000-8000-000000000002", "Zoe\u0308 M.", "zo\u00eb M.", "a b %", "a+b %25"}
	for s := range suite.All() {
		for i, id := range ids {
			name := fmt.Sprintf("bound-%s-%d", s.Name, i+1)
			t.Run(name, func(t *testing.T) {
				key := sha256.Sum256([]byte("golden data key " + name))
				path := filepath.Join("testdata", "v1", name+".json")
				testGolden(t, path, golden{
					Seed: uint64(100 + i), DataKey: key[:], Suite: s.ID, Kind: codec.Text, Plaintext: hexBytes("078-05-1120"),
					Tag: "pii.ssn", Context: map[string]string{"service": "customers", "customer": id},
				})
				var g golden
				readJSON(t, path, &g)
				for _, other := range append(others, ids...) {
					if g.Context["customer"] = other; other == id {
						continue
					}
					if out, err := g.open(t); err != suite.ErrOpen || out != nil {
						t.Errorf("it opens in %q: %v", other, err)
					}
				}
				delete(g.Context, "customer")
				if _, err := g.open(t); err != suite.ErrOpen {
					t.Errorf("it opens without a record: %v", err)
				}
			})
		}
	}
}

// A contextVector is a field context, byte for byte.
type contextVector struct {
	Tag          string            `json:"tag"`
	Context      map[string]string `json:"context"`
	FieldContext hexBytes          `json:"field_context"`
}

// Field contexts are permanent: their bytes are authenticated with every value.
func TestFieldContextVectors(t *testing.T) {
	const path = "testdata/v1/field-context.json"
	var all []contextVector
	if *update {
		for _, pairs := range []map[string]string{
			nil, {}, {"customer": "9"}, {"customer": ""}, {"customer": "Zo\u00eb"}, {"service": "customers", "customer": "9"},
			{"a": "1", "B": "2", "aa": "3", "\u00e4": "4"},
		} {
			all = append(all, contextVector{"pii.ssn", pairs, fieldContext("pii.ssn", pairs)})
		}
		writeMissing(t, path, all)
	}
	readJSON(t, path, &all)
	if len(all) < 7 {
		t.Fatalf("%d vectors", len(all))
	}
	for _, v := range all {
		if got := fieldContext(v.Tag, v.Context); !bytes.Equal(got, v.FieldContext) {
			t.Errorf("%s %v: %x, want %x", v.Tag, v.Context, got, []byte(v.FieldContext))
		}
		names := slices.Sorted(maps.Keys(v.Context))
		for i := range names { // whichever values come later
			var values []string
			for _, name := range names[i:] {
				values = append(values, v.Context[name])
			}
			if got := envelope.NewFrame(v.Tag, v.Context, names[i:]...).Context(values); !bytes.Equal(got, v.FieldContext) {
				t.Errorf("%s %v, %q later: %x, want %x", v.Tag, v.Context, names[i:], got, []byte(v.FieldContext))
			}
		}
	}
}

func goldenRecord(key []byte) envelope.Record {
	return envelope.Record{Commitment: envelope.Commitment(key), Wraps: []envelope.Wrap{
		{ProviderID: 1, KEK: [4]byte{1, 2, 3, 4}, Wrapped: bytes.Repeat([]byte{0xaa}, 184)},
		{ProviderID: 2, KEK: [4]byte{0xff, 0, 0, 1}, Wrapped: bytes.Repeat([]byte{0xbb}, 60)},
	}}
}

// testGolden opens the file's envelope. A later toolchain may draw randomness
// in another order and then seal another envelope from the seed; that it opens
// is what may never change.
func testGolden(t *testing.T, path string, made golden) {
	if *update {
		made.Text = made.seal(t)
		writeMissing(t, path, made)
	}
	var g golden
	readJSON(t, path, &g)
	if out, err := g.open(t); err != nil || !bytes.Equal(out, g.Plaintext) {
		t.Errorf("opened %q, %v", out, err)
	}
	if fips140.Version() == "v1.0.0" && !suite.ByID(g.Suite).Deterministic {
		return // that module takes no random source for tests
	}
	if text := g.seal(t); text != g.Text {
		t.Errorf("sealed again: %s", text)
	}
}

// A refusal is one text that never opens.
type refusal struct {
	Name string `json:"name"`
	Want string `json:"want"`
	golden
}

var refusals = map[string]error{
	"not an envelope": envelope.ErrNotEnvelope,
	"malformed":       envelope.ErrMalformed,
	"future version":  envelope.ErrFutureVersion,
	"unknown suite":   envelope.ErrUnknownSuite,
	"not authentic":   suite.ErrOpen,
}

func TestGoldenRefused(t *testing.T) {
	const path = "testdata/v1/refused.json"
	if *update {
		writeMissing(t, path, makeRefused(t))
	}
	var all []refusal
	readJSON(t, path, &all)
	if len(all) == 0 {
		t.Fatal("none")
	}
	for _, r := range all {
		want, ok := refusals[r.Want]
		if !ok {
			t.Fatalf("%s: no such refusal: %s", r.Name, r.Want)
		}
		if out, err := r.open(t); !errors.Is(err, want) || out != nil {
			t.Errorf("%s: %q, %v, want %s", r.Name, out, err, r.Want)
		}
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func writeMissing(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

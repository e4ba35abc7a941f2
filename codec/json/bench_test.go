package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// users makes a body of about n bytes: users with orders, dense in short
// strings, with escapes, UTF-8, numbers and decoys, and tagged fields in the
// first few.
func users(n, tagged int) []byte {
	var b strings.Builder
	b.WriteString(`{"users":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		name := "pii"
		if i >= tagged {
			name = "pio"
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"Jörg \"J\" Müller","active":true,"%s":{"ssn":"%03d-45-6789"},`+
			`"orders":[{"sku":"A-%d","qty":%d,"price":%d.95,"note":"leave at\u0020door\n"},{"sku":"B","qty":2,"price":1e2,"note":null}],`+
			`"ssn_hint":"none","city":"Zürich","tags":["a","bb","ccc"]}`, i, name, i%1000, i, i%9, i)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// records makes the body of n bytes or a few more that bench/load sends:
// records of which every k-th has one tagged value and the others decoys.
func records(n, k int) []byte {
	var b strings.Builder
	b.WriteString(`{"records":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if k > 0 && i%k == 0 {
			fmt.Fprintf(&b, `{"id":%d,"card":"%016d"},`, i, i*7919+4539148803436467)
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"Jörg \"J\" Müller","city":"Zürich","active":true,"score":%d.5,`+
			`"note":"leave at the door","tags":["a","bb"],"card_hint":null}`, i, i%97)
	}
	b.WriteString(`],"page":1}`)
	return []byte(b.String())
}

func indented(body []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		panic(err) // a constant of this file
	}
	return b.Bytes()
}

// BenchmarkBody is the work on a body as a whole, and what reads the same body
// in its place.
func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		name string
		path string
		body []byte
	}{
		{"2KiB/scan", "$.records[*].card", records(2<<10, 0)},
		{"2KiB/5fields", "$.records[*].card", records(2<<10, 3)},
		{"100KiB/scan", "$.records[*].card", records(100<<10, 0)},
		{"100KiB/nothing", "$.nothing", records(100<<10, 0)},
		{"100KiB/indented", "$.records[*].card", indented(records(60<<10, 0))},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkJSON(b, c.path, c.body) })
	}
	line := append(records(300, 0), '\n')
	body := bytes.Repeat(line, 100<<10/len(line))
	b.Run("100KiB/lines", func(b *testing.B) { benchmark(b, &Lines, "$.records[*].card", body) })
	b.Run("100KiB/lines/json.Decoder", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			d := json.NewDecoder(bytes.NewReader(body))
			for v := (json.RawMessage)(nil); d.Decode(&v) == nil; {
			}
		}
	})
	body = records(100<<10, 0)
	b.Run("100KiB/json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if !json.Valid(body) {
				b.Fatal("not valid")
			}
		}
	})
	b.Run("100KiB/jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		var r bytes.Reader
		d := jsontext.NewDecoder(&r, jsontext.AllowDuplicateNames(true))
		for b.Loop() {
			r.Reset(body)
			d.Reset(&r, jsontext.AllowDuplicateNames(true))
			if err := d.SkipValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// sealedText is as long as an envelope, by reference, of 16 characters.
var sealedText = "sm1." + strings.Repeat("A", 99)

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, sealedText...), codec.Text, nil
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10, 10 << 20} {
		body := users(size, 0)
		for _, path := range []string{"$.nothing", "$.users[*].pii.ssn", "$..secret"} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, path), func(b *testing.B) {
				benchmarkJSON(b, path, body)
			})
		}
		b.Run(fmt.Sprintf("%dKiB/json.Valid", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if !json.Valid(body) {
					b.Fatal("not valid")
				}
			}
		})
		b.Run(fmt.Sprintf("%dKiB/jsontext", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

func BenchmarkSplice(b *testing.B) {
	for _, c := range []struct {
		size, fields int
	}{{2 << 10, 5}, {220 << 10, 50}} {
		b.Run(fmt.Sprintf("%dKiB/%dfields", c.size>>10, c.fields), func(b *testing.B) {
			benchmarkJSON(b, "$.users[*].pii.ssn", users(c.size, c.fields))
		})
	}
}

func benchmarkJSON(b *testing.B, path string, body []byte) { benchmark(b, &Format, path, body) }

func benchmark(b *testing.B, f *codec.Format, path string, body []byte) {
	sel := guarded(b, codec.Guard{Envelope: isHead, Patch: true}, codec.Rule{Path: path})
	doc := bodyOf(sel, seal)
	codectest.Benchmark(b, f, doc, body)
}

package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// envelopeText is as long as an envelope of a short value.
var envelopeText = []byte("sm1.A" + strings.Repeat("Qb-_", 35))

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, envelopeText...), codec.Text, nil
}

// upload is what a browser sends: n fields, of which some are tagged, and a
// file of size bytes that looks like a compressed one.
func upload(n, tagged, size int) []byte {
	var b strings.Builder
	for i := range n {
		name := fmt.Sprintf("field%d", i)
		if i < tagged {
			name = "ssn"
		}
		b.WriteString(field(name, fmt.Sprintf("a text of some length %d", i)))
	}
	if size > 0 {
		data := make([]byte, size)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		b.WriteString(file("photo", "image/jpeg", string(data)))
	}
	return []byte(b.String() + closing)
}

// browserBoundary is as long as those of browsers, and longer than that of
// other tests.
const browserBoundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"

// BenchmarkBody is the work on a body, and what mime/multipart takes to read it
// and write it again.
func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"fields/scan", upload(20, 0, 0)},
		{"fields/5tagged", upload(20, 5, 0)},
		{"file100KiB/scan", upload(5, 0, 100<<10)},
		{"file100KiB/5tagged", upload(10, 5, 100<<10)},
		{"file4MiB/scan", upload(5, 0, 4<<20)},
		{"text100KiB/scan", []byte(formOf(file("log", "text/plain", strings.Repeat("A line - of text, as logs have it. ", 3000))))},
		{"log100KiB/scan", []byte(formOf(file("log", "text/plain", strings.Repeat("2026-12-01T16:51:22.123Z 10.12.1.7 GET /path/file.html 200 12.5ms example.com/1.0\n", 1250))))},
		{"dashes100KiB/scan", []byte(formOf(file("log", "text/plain", strings.Repeat("-", 100<<10))))},
	} {
		c.body = bytes.ReplaceAll(c.body, []byte(boundary), []byte(browserBoundary))
		b.Run(c.name+"/sealmesh", func(b *testing.B) { benchmark(b, c.body) })
		b.Run(c.name+"/mime", func(b *testing.B) { benchmarkMIME(b, c.body) })
	}
}

func benchmark(b *testing.B, body []byte) {
	sel := codectest.Select(b, codec.Rule{Path: "$.ssn"}).Guarded(codec.Guard{Envelope: isHead, Method: true})
	checked, err := format.Check(sel, codec.Options{})
	if err != nil {
		b.Fatal(err)
	}
	doc := codec.Body{At: sel.Root(), Checked: checked, Transform: seal, Params: "boundary=" + browserBoundary}
	codectest.Benchmark(b, &format, doc, body)
}

func benchmarkMIME(b *testing.B, body []byte) {
	var out bytes.Buffer
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		r, w := multipart.NewReader(bytes.NewReader(body), browserBoundary), multipart.NewWriter(&out)
		if err := w.SetBoundary(browserBoundary); err != nil {
			b.Fatal(err)
		}
		for {
			part, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			to, err := w.CreatePart(part.Header)
			if err != nil {
				b.Fatal(err)
			}
			if part.FormName() == "ssn" {
				_, err = to.Write(envelopeText)
			} else {
				_, err = io.Copy(to, part)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

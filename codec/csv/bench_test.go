package csv

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/json"
)

// table makes a body of about n bytes: rows of short fields, some in quotes.
func table(n int) []byte {
	var b strings.Builder
	b.WriteString("id,name,city,ssn,active,score,note,tags\r\n")
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,\"Müller, \"\"J\"\"\",Zürich,%03d-45-6789,true,%d.95,leave at the door,a bb ccc\r\n", i, i%1000, i)
	}
	return []byte(b.String())
}

// sealedText is as long as an envelope, by reference, of 16 characters.
var sealedText = "sm1." + strings.Repeat("A", 99)

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, sealedText...), codec.Text, nil
}

// firstRows are rules for one field in each of the first five rows.
var firstRows = []codec.Rule{{Path: "$[0].ssn"}, {Path: "$[1].ssn"}, {Path: "$[2].ssn"}, {Path: "$[3].ssn"}, {Path: "$[4].ssn"}}

// BenchmarkBody is the work on a body as a whole, beside what encoding/csv
// takes to read the body and to write it again, and beside our JSON.
func BenchmarkBody(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		body := table(size)
		b.Run(fmt.Sprintf("%dKiB/scan", size>>10), func(b *testing.B) { benchmark(b, &Format, body, codec.Rule{Path: "$[*].card"}) })
		b.Run(fmt.Sprintf("%dKiB/5fields", size>>10), func(b *testing.B) { benchmark(b, &Format, body, firstRows...) })
		b.Run(fmt.Sprintf("%dKiB/encoding-csv", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r := csv.NewReader(bytes.NewReader(body))
				r.ReuseRecord = true
				w := csv.NewWriter(io.Discard)
				for {
					row, err := r.Read()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					if err := w.Write(row); err != nil {
						b.Fatal(err)
					}
				}
				w.Flush()
			}
		})
	}
	b.Run("100KiB/column", func(b *testing.B) { benchmark(b, &Format, table(100<<10), codec.Rule{Path: "$[*].ssn"}) })
	plain := bytes.ReplaceAll(table(100<<10), []byte("\"Müller, \"\"J\"\"\",Zürich"), []byte("Mueller,Zuerich"))
	b.Run("100KiB/plain", func(b *testing.B) { benchmark(b, &Format, plain, codec.Rule{Path: "$[*].card"}) })
	b.Run("100KiB/json", func(b *testing.B) {
		benchmark(b, &json.Format, records(100<<10), codec.Rule{Path: "$.records[*].card"})
	})
}

// records is the table as JSON.
func records(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"records":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"Müller, \"J\"","city":"Zürich","ssn":"%03d-45-6789","active":true,"score":%d.95,"note":"leave at the door","tags":"a bb ccc"}`, i, i%1000, i)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func benchmark(b *testing.B, f *codec.Format, body []byte, rules ...codec.Rule) {
	sel := codectest.Select(b, rules...).Guarded(codec.Guard{Envelope: isHead})
	doc, err := codectest.NewBody(f, sel, seal, codec.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	codectest.Benchmark(b, f, doc, body)
}

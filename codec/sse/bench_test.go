package sse

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// stream makes a body of about n bytes, in which the first events have a tagged
// value each.
func stream(n, tagged int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		name := "card"
		if i >= tagged {
			name = "cart"
		}
		fmt.Fprintf(&b, "event: order\nid: %d\ndata: {\"id\":%d,\"%s\":\"%016d\",\"name\":\"J\\\"M\",\"city\":\"Zürich\",\"active\":true,\"note\":\"leave at the door\",\"tags\":[\"a\",\"bb\"]}\n\n",
			i, i, name, i*7919+4539148803436467)
	}
	return []byte(b.String())
}

// BenchmarkEvents has the work on a stream, and beside it a reader of the
// standard library, which parses and writes each event.
func BenchmarkEvents(b *testing.B) {
	for name, body := range map[string][]byte{"2KiB/scan": stream(2<<10, 0), "2KiB/5fields": stream(2<<10, 5), "100KiB/scan": stream(100<<10, 0)} {
		b.Run(name, func(b *testing.B) { benchmark(b, body) })
		b.Run(name+"/encoding/json", func(b *testing.B) { benchmarkLibrary(b, body) })
	}
}

func benchmark(b *testing.B, body []byte) {
	sel := codectest.Select(b, codec.Rule{Path: "$.card"}).Guarded(codec.Guard{Patch: true, Envelope: func([]byte) bool { return true }})
	checked, err := events.Check(sel, codec.Options{})
	if err != nil {
		b.Fatal(err)
	}
	doc := codec.Body{At: sel.Root(), Checked: checked, Transform: codectest.Seal, Direction: codec.Response}
	codectest.Benchmark(b, &events, doc, body)
}

func benchmarkLibrary(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); out.WriteByte('\n') {
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			if !ok {
				out.Write(lines.Bytes())
				continue
			}
			var event map[string]any
			if err := json.Unmarshal(data, &event); err != nil {
				b.Fatal(err)
			}
			again, err := json.Marshal(event)
			if err != nil {
				b.Fatal(err)
			}
			out.WriteString("data: ")
			out.Write(again)
		}
	}
}

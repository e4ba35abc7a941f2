package grpc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

func runBody(t testing.TB, b codec.Body, out *codec.Output, body []byte, chunk int) {
	w, err := Format.New(b)
	if err != nil {
		t.Fatal(err)
	}
	for p := body; len(p) > 0; {
		n := min(chunk, len(p))
		if err := w.Write(out, p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	if err := w.Close(out); err != nil {
		t.Fatal(err)
	}
	w.Free()
	out.Reset()
}

// BenchmarkUnary is the work on a call of 2 KiB with 5 tagged values, and what
// the library takes to read its message and to write it again.
func BenchmarkUnary(b *testing.B) {
	record := func(ssn string) string {
		return str(3, ssn, "\x10\x05", str(5, "leave at the door"), str(4, str(1, "city"), str(2, "Zürich")))
	}
	message := strings.Repeat(record(str(1, "123-45-6789")), 5) + strings.Repeat(record(""), 42)
	body := []byte(frame(message))
	b.Run("sealmesh", func(b *testing.B) {
		doc := bodyOf(b, &Format, codectest.Seal, codec.Rule{Path: "$.friends[*].ssn"})
		var out codec.Output
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			runBody(b, doc, &out, body, len(body))
		}
	})
	b.Run("dynamicpb", func(b *testing.B) {
		m := dynamicpb.NewMessage(protobuftest.Message(b, options(b).Schema, "test.User"))
		var out []byte
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			err := proto.Unmarshal(body[head:], m)
			if err == nil {
				out, err = (proto.MarshalOptions{}).MarshalAppend(out[:0], m)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

// sealedText is as long as an envelope, by reference, of 16 characters.
var sealedText = "sm1." + strings.Repeat("A", 99)

func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, sealedText...), codec.Text, nil
}

func isHead(text []byte) bool { return text[4] == 'A' }

// records makes a test.User of n bytes or a few more, with the records of
// bench/load as friends, of which every k-th has one tagged value.
func records(n, k int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		var r strings.Builder
		if k > 0 && i%k == 0 {
			r.WriteString(str(1, fmt.Sprintf("%016d", i*7919+4539148803436467)))
		}
		r.WriteString(num(11, uint64(i)) + str(14, `Jörg "J" Müller`) + str(16, "leave at the door") + num(17, 0) + str(10, "a") + str(10, "bb"))
		r.WriteString("\x95\x01abcd" + str(4, str(1, "city"), str(2, "Zürich")))
		b.WriteString(str(3, r.String()))
	}
	return []byte(b.String())
}

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

// BenchmarkBody is the work on a body, and what the library takes to read it
// and to write it again.
func BenchmarkBody(b *testing.B) {
	for _, c := range []struct {
		name, path string
		body       []byte
	}{
		{"2KiB/scan", "$.friends[*].ssn", records(2<<10, 0)},
		{"2KiB/5fields", "$.friends[*].ssn", records(2<<10, 4)},
		{"100KiB/scan", "$.friends[*].ssn", records(100<<10, 0)},
		{"100KiB/5fields", "$.friends[*].ssn", records(100<<10, 200)},
		{"100KiB/no rules", "", records(100<<10, 0)},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := rules(b)
			if c.path != "" {
				r = rules(b, c.path)
			}
			r.sel = r.sel.Guarded(codec.Guard{Envelope: isHead})
			doc := r.body(seal, codec.Limits{})
			var out codec.Output
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				runBody(b, doc, &out, c.body, 1<<20)
			}
		})
		b.Run(c.name+"/dynamicpb", func(b *testing.B) {
			library(b, dynamicpb.NewMessage(protobuftest.Message(b, set(b), "test.User")), c.body)
		})
	}
}

// BenchmarkGenerated compares with a type that has generated code: descriptors
// of the library's own files.
func BenchmarkGenerated(b *testing.B) {
	var files descriptorpb.FileDescriptorSet
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		files.File = append(files.File, protodesc.ToFileDescriptorProto(f))
		return true
	})
	body, err := proto.Marshal(&files)
	if err != nil {
		b.Fatal(err)
	}
	sel := codectest.Select(b, codec.Rule{Path: "$.file[*].options.javaPackage"}).Guarded(codec.Guard{Envelope: isHead})
	checked, err := Format.Check(sel, codec.Options{Schema: body, Settings: map[string]string{"message": "google.protobuf.FileDescriptorSet"}})
	if err != nil {
		b.Fatal(err)
	}
	doc := codec.Body{At: sel.Root(), Checked: checked, Transform: seal}
	b.Run("sealmesh", func(b *testing.B) {
		var out codec.Output
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			runBody(b, doc, &out, body, 1<<20)
		}
	})
	b.Run("library", func(b *testing.B) { library(b, new(descriptorpb.FileDescriptorSet), body) })
}

// library reads body with the Go library, and writes it again.
func library(b *testing.B, m proto.Message, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		if err := proto.Unmarshal(body, m); err != nil {
			b.Fatal(err)
		}
		var err error
		if out, err = (proto.MarshalOptions{}).MarshalAppend(out[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

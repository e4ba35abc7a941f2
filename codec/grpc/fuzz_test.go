package grpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
)

// FuzzGRPC: the frames of a body that is accepted are those that a naive reader
// finds, and the library reads their messages; output and error do not depend
// on the cuts; what is sealed opens to what it was.
func FuzzGRPC(f *testing.F) {
	for i, body := range append(corpus(f).Bodies, corpus(f).Refused...) {
		f.Add([]byte(body), uint16(i), uint8(i), i%2 == 0)
		f.Add([]byte(body+flagged(0x80, "grpc-status: 0\r\n")), uint16(3*i), uint8(1), true)
	}
	user := protobuftest.Message(f, options(f).Schema, "test.User")
	protocols := []*codec.Format{&Format, &Web, &Connect}
	var bodies []codec.Body
	for _, format := range protocols {
		bodies = append(bodies, bodyOf(f, format, nil, corpus(f).Rules...))
	}
	f.Fuzz(func(t *testing.T, body []byte, cut uint16, which uint8, response bool) {
		format, doc := protocols[int(which)%3], bodies[int(which)%3]
		if response {
			doc.Direction, doc.Path = codec.Response, "/test.Users/Hold"
		}
		run := func(tr codec.Transform, body string, cuts []int) (string, error) {
			doc.Transform = tr
			return codectest.RewriteBody(format, doc, body, cuts)
		}
		kept, err := run(codectest.Keep, string(body), nil)
		for _, cuts := range [][]int{{int(cut) % (len(body) + 1)}, codectest.Everywhere(len(body), 1)} {
			if got, cutErr := run(codectest.Keep, string(body), cuts); got != kept || fmt.Sprint(cutErr) != fmt.Sprint(err) {
				t.Fatalf("%q cut at %v: %q, %v; whole %q, %v", body, cuts, got, cutErr, kept, err)
			}
		}
		if err != nil {
			if e, ok := errors.AsType[*codec.Error](err); !ok || e.Format != format.Name || e.Detail == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if kept != string(body) {
			t.Fatalf("%q became %q", body, kept)
		}
		for rest := body; len(rest) > 0; {
			end := head + int(binary.BigEndian.Uint32(rest[1:]))
			if rest[0] == plain {
				if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(rest[head:end], dynamicpb.NewMessage(user)); err != nil {
					t.Fatalf("%q is accepted, and the library says %v", body, err)
				}
			} else if end != len(rest) || rest[0] != 0x80 && rest[0] != 0x02 {
				t.Fatalf("%q is accepted with a frame of flag %d", body, rest[0])
			}
			rest = rest[end:]
		}
		sealed, err := run(codectest.Seal, string(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := run(codectest.Open, sealed, nil); err != nil || back != string(body) {
			t.Fatalf("%q was sealed as %q, and opened as %q, %v", body, sealed, back, err)
		}
	})
}

// FuzzCompressed: a body that is accepted has messages that the libraries of
// the codings decode, and rules find in it what they find in the decoded body.
// Output and error do not depend on the cuts.
func FuzzCompressed(f *testing.F) {
	for i, body := range corpus(f).Bodies {
		for k := range codings {
			f.Add([]byte(some(f, codings[k], body)), uint16(i), uint8(k))
		}
	}
	f.Add([]byte(flagged(compressed, "\x1f\x8b")), uint16(3), uint8(0))
	f.Add([]byte(flagged(compressed)), uint16(3), uint8(2))
	doc := bodyOf(f, &Format, nil, corpus(f).Rules...)
	f.Fuzz(func(t *testing.T, body []byte, cut uint16, which uint8) {
		name := codings[int(which)%len(codings)]
		run := func(tr codec.Transform, encoding, body string, cuts []int) (string, error) {
			b := doc
			b.Transform, b.Encoding = tr, encoding
			return codectest.RewriteBody(&Format, b, body, cuts)
		}
		kept, err := run(codectest.Keep, name, string(body), nil)
		for _, cuts := range [][]int{{int(cut) % (len(body) + 1)}, codectest.Everywhere(len(body), 1)} {
			if got, cutErr := run(codectest.Keep, name, string(body), cuts); got != kept || fmt.Sprint(cutErr) != fmt.Sprint(err) {
				t.Fatalf("%q cut at %v: %q, %v; whole %q, %v", body, cuts, got, cutErr, kept, err)
			}
		}
		if err != nil {
			return
		}
		if kept != string(body) {
			t.Fatalf("%q became %q", body, kept)
		}
		decoded := each(string(body), func(_ int, flag byte, message string) string {
			if flag == compressed && message != "" {
				message = decompress(t, name, message)
			}
			return frame(message)
		})
		want, err := run(codectest.Seal, "", decoded, nil)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := run(codectest.Seal, name, string(body), nil)
		got := each(sealed, func(_ int, flag byte, message string) string {
			if flag == compressed && message != "" {
				message = decompress(t, name, message)
			}
			return frame(message)
		})
		if err != nil || got != want {
			t.Fatalf("%q is sealed as %q, %v; decoded it is %q", body, got, err, want)
		}
	})
}

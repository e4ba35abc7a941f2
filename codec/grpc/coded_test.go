package grpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
	"github.com/sealmesh/sealmesh/codec/protobuf"
)

var codings = []string{"gzip", "br", "zstd"}

// compress is what other programs make of a message.
func compress(t testing.TB, name, message string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	default:
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	_, err := io.WriteString(w, message)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func decompress(t testing.TB, name, message string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch name {
	case "gzip":
		r, err = gzip.NewReader(strings.NewReader(message))
	case "br":
		r = brotli.NewReader(strings.NewReader(message))
	default:
		r, err = zstd.NewReader(strings.NewReader(message))
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// each calls do for the frames of a body, and returns what it makes of them.
func each(body string, do func(i int, flag byte, message string) string) string {
	var all strings.Builder
	for i := 0; body != ""; i++ {
		end := head + int(binary.BigEndian.Uint32([]byte(body[1:])))
		all.WriteString(do(i, body[0], body[head:end]))
		body = body[end:]
	}
	return all.String()
}

// some compresses most frames of a body.
func some(t testing.TB, name, body string) string {
	return each(body, func(i int, flag byte, message string) string {
		if i%3 == 2 {
			return flagged(flag, message)
		}
		return flagged(flag|compressed, compress(t, name, message))
	})
}

// none undoes some, and keeps the flags.
func none(t testing.TB, name, body string) string {
	return each(body, func(_ int, flag byte, message string) string {
		if flag&compressed != 0 {
			message = decompress(t, name, message)
		}
		return flagged(flag&^compressed, message)
	})
}

// TestCompressed: a compressed body has the fields of the body, and what leaves
// is the compressed form of what would leave. Nothing depends on the cuts.
func TestCompressed(t *testing.T) {
	c := corpus(t)
	for _, name := range codings {
		var seen []codectest.Seen
		b := bodyOf(t, &Format, nil, c.Rules...)
		b.Encoding = name
		run := func(tr codec.Transform, body string, cuts []int) string {
			t.Helper()
			seen, b.Transform = nil, codectest.Record(&seen, tr)
			got, err := codectest.RewriteBody(&Format, b, body, cuts)
			if err != nil {
				t.Fatalf("%s, cut at %v: %v", name, cuts, err)
			}
			return got
		}
		for _, body := range append(c.Bodies, strings.Join(c.Bodies, "")) {
			want := run(codectest.Seal, body, nil)
			fields := fmt.Sprint(seen)
			coded := some(t, name, body)
			for _, cuts := range [][]int{nil, codectest.Everywhere(len(coded), 1), codectest.Everywhere(len(coded), 7), codectest.Everywhere(len(coded), 50)} {
				if got := run(codectest.Keep, coded, cuts); got != coded {
					t.Errorf("%s: kept, %q became %q", name, coded, got)
				}
				sealed := run(codectest.Seal, coded, cuts)
				if none(t, name, sealed) != want || fmt.Sprint(seen) != fields {
					t.Errorf("%s: %d fields, want %s", name, len(seen), fields)
				}
				if back := run(codectest.Open, sealed, cuts); none(t, name, back) != body {
					t.Errorf("%s: opened: %q, want %q", name, back, body)
				}
			}
		}
	}
}

// TestOnlyChangedAreEncoded: a message in which nothing changes leaves as it
// came, also beside others.
func TestOnlyChangedAreEncoded(t *testing.T) {
	b := bodyOf(t, &Format, codectest.Seal, codec.Rule{Path: "$.ssn"})
	b.Encoding = "gzip"
	still := flagged(compressed, compress(t, "gzip", str(5, strings.Repeat("note ", 100))))
	got, err := codectest.RewriteBody(&Format, b, still+flagged(compressed, compress(t, "gzip", str(1, "a")))+still, nil)
	if err != nil || !strings.HasPrefix(got, still) || !strings.HasSuffix(got, still) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestCompressedRefused: what is refused of a body is refused of its compressed
// form, before a value is sealed, and so is what is not one message compressed
// in the way that the header says.
func TestCompressedRefused(t *testing.T) {
	gz := compress(t, "gzip", str(1, canary))
	first := flagged(compressed, gz)
	bomb := compress(t, "gzip", str(5, strings.Repeat("x", 1<<20)))
	long := compress(t, "gzip", str(5, strings.Repeat("0123456789abcdef", protobuf.MaxMessage/16)))
	for _, tc := range []struct {
		name, encoding, body string
		code                 codec.Code
		at                   int
	}{
		{"no header", "", first, codec.Unsupported, 0},
		{"identity", "identity", first, codec.Unsupported, 0},
		{"a list", "gzip, gzip", first, codec.Unsupported, 0},
		{"another coding", "deflate", first, codec.Unsupported, 0},
		{"an empty message, no header", "", flagged(compressed), codec.Unsupported, 0},
		{"not compressed", "gzip", first + flagged(compressed, str(1, canary)), codec.Malformed, len(first)},
		{"two members", "gzip", flagged(compressed, gz, gz), codec.Malformed, 0},
		{"a byte behind", "gzip", flagged(compressed, gz, "\x00"), codec.Malformed, 0},
		{"cut", "gzip", flagged(compressed, gz[:len(gz)-1]), codec.Malformed, 0},
		{"a dictionary", "zstd", flagged(compressed, "\x28\xb5\x2f\xfd\x21\x00\x01\x00\x00"), codec.Unsupported, 0},
		{"a bomb", "gzip", first + flagged(compressed, bomb), codec.TooLarge, len(first)},
		{"a long message", "gzip", first + flagged(compressed, long), codec.TooLarge, len(first)},
		{"a long compressed message", "gzip", first + "\x01\x00\x40\x00\x01", codec.TooLarge, len(first) + 1},
		{"the message ends", "gzip", first + first[:9], codec.Truncated, len(first) + 9},
		{"the head ends", "gzip", first + first[:3], codec.Truncated, len(first) + 3},
		{"a plain message ends", "gzip", first + frame(str(1, canary))[:8], codec.Truncated, len(first) + 8},
		{"an unknown flag", "gzip", first + flagged(0x40, canary), codec.Malformed, len(first)},
		{"flags", "gzip", first + flagged(0x03, gz), codec.Malformed, len(first)},
		{"a malformed message", "gzip", first + flagged(compressed, compress(t, "gzip", str(99, canary))), codec.Malformed, len(first)},
		{"a plain malformed message", "gzip", first + frame(str(5, "a"), "\x0a\x05"), codec.Malformed, len(first) + head + 3},
		{"a malformed message before a broken one", "gzip", first + frame(str(99)) + flagged(compressed, "x"), codec.Malformed, len(first) + head},
	} {
		var seen []codectest.Seen
		b := bodyOf(t, &Format, codectest.Record(&seen, codectest.Keep), codec.Rule{Path: "$.ssn"})
		b.Encoding = tc.encoding
		for _, cuts := range [][]int{nil, codectest.Everywhere(len(tc.body), 1), codectest.Everywhere(len(tc.body), 1000)} {
			if len(tc.body) > 100_000 && len(cuts) > 1000 {
				continue
			}
			seen = nil
			_, err := codectest.RewriteBody(&Format, b, tc.body, cuts)
			e, ok := errors.AsType[*codec.Error](err)
			if !ok || e.Code != tc.code || e.Offset != int64(tc.at) || e.Format != "grpc" || strings.Contains(e.Detail, canary) {
				t.Errorf("%s, %d cuts: %v, want %s at %d", tc.name, len(cuts), err, tc.code, tc.at)
			}
			if cuts == nil && len(seen) > 0 && e.Code != codec.Truncated {
				t.Errorf("%s: a value was given to the Transform", tc.name)
			}
		}
	}
}

// TestCompressedLastFrames: the last frame may be compressed, is searched for
// envelopes, and leaves as it came.
func TestCompressedLastFrames(t *testing.T) {
	const sealed = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"
	for _, f := range []*codec.Format{&Web, &Connect} {
		last := map[*codec.Format]byte{&Web: 0x81, &Connect: 0x03}[f]
		b := bodyOf(t, f, codectest.Keep, codec.Rule{Path: "$.user.ssn"})
		b.At = b.At.Selector().Guarded(codec.Guard{Envelope: func(text []byte) bool { return string(text) == sealed }}).Root()
		b.Direction, b.Encoding = codec.Response, "gzip"
		message := flagged(compressed, compress(t, "gzip", str(3, str(1, "a"))))
		body := message + flagged(last, compress(t, "gzip", "{}"))
		if got, err := codectest.RewriteBody(f, b, body, nil); err != nil || got != body {
			t.Errorf("%s: %q, %v", f.Name, got, err)
		}
		for body, want := range map[string]codec.Code{
			message + flagged(last, compress(t, "gzip", sealed)): codec.EnvelopeFound,
			body + message: codec.Malformed,
			message + flagged(compressed, compress(t, "gzip", str(3, str(5, sealed)))): codec.EnvelopeFound,
			message + flagged(last, "{}"): codec.Malformed,
		} {
			_, err := codectest.RewriteBody(f, b, body, nil)
			if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != want {
				t.Errorf("%s: %q: %v, want %s", f.Name, body, err, want)
			}
		}
	}
}

// TestManyCompressed: a chunk that decodes to many times as much is read in
// parts, and gives what it gives in small chunks.
func TestManyCompressed(t *testing.T) {
	b := bodyOf(t, &Format, codectest.Seal, codec.Rule{Path: "$.ssn"})
	b.Encoding = "gzip"
	var note strings.Builder
	for i := range 20_000 {
		fmt.Fprint(&note, i)
	}
	text := str(1, "123-45-6789") + str(5, note.String())
	body := strings.Repeat(flagged(compressed, compress(t, "gzip", text)), 40)
	whole, err := codectest.RewriteBody(&Format, b, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := codectest.RewriteBody(&Format, b, body, codectest.Everywhere(len(body), 1000))
	if err != nil || cut != whole {
		t.Fatalf("the cut changes the result: %v", err)
	}
}

package coding

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/sealmesh/sealmesh/codec"
)

var all = map[string]Coding{"gzip": Gzip, "br": Brotli, "zstd": Zstd}

// encode is what other programs make of a text.
func encode(t testing.TB, c Coding, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch c {
	case Gzip:
		w = gzip.NewWriter(&b)
	case Brotli:
		w = brotli.NewWriter(&b)
	default:
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decode runs body through a Decoder in pieces of step bytes.
func decode(c Coding, ratio int, body []byte, step int) (string, error) {
	d := NewDecoder(c, ratio)
	defer d.Free()
	var got strings.Builder
	emit := func(p []byte) error {
		got.Write(p)
		return nil
	}
	for len(body) > 0 {
		n := min(step, len(body))
		if err := d.Write(append([]byte(nil), body[:n]...), emit); err != nil {
			return got.String(), err
		}
		body = body[n:]
	}
	return got.String(), d.Close(emit)
}

func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"name":"n%d"}`, r.IntN(1e6), r.IntN(100))
	}
	return b.Bytes()
}

// Whatever is encoded elsewhere is decoded, in pieces of any length.
func TestDecode(t *testing.T) {
	for name, c := range all {
		for _, n := range []int{0, 1, 100, 70_000, 1 << 20} {
			want := text(n)[:n]
			body := encode(t, c, want)
			for _, step := range []int{1, 7, 1000, len(body)} {
				if step == 1 && n > 1e5 {
					continue
				}
				if got, err := decode(c, DefaultRatio, body, max(step, 1)); err != nil || got != string(want) {
					t.Errorf("%s of %d bytes by %d: %d bytes, %v", name, n, step, len(got), err)
				}
			}
		}
	}
}

// What was written is decoded as soon as it was flushed.
func TestFlush(t *testing.T) {
	for name, c := range all {
		e, err := NewEncoder(c)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(c, DefaultRatio)
		var want, got bytes.Buffer
		emit := func(p []byte) error {
			got.Write(p)
			return nil
		}
		var out codec.Output
		pass := func(err error) {
			for _, s := range out.Segments() {
				err = errors.Join(err, d.Write(s, emit))
			}
			out.Reset()
			if err != nil || got.String() != want.String() {
				t.Fatalf("%s: %d bytes of %d, %v", name, got.Len(), want.Len(), err)
			}
		}
		for i := range 20 {
			p := text(1 + 1000*i)
			want.Write(p)
			pass(errors.Join(e.Write(&out, p), e.Flush(&out)))
		}
		pass(e.Close(&out))
		if err := d.Close(emit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.Free()
	}
}

func TestRefused(t *testing.T) {
	plain := text(5000)
	wide := func(options ...zstd.EOption) []byte {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = z.Write(text(5000))
		_ = z.Flush()
		_, _ = z.Write(text(5000))
		_ = z.Close()
		return b.Bytes()
	}
	wideBrotli := func() []byte {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 1, LGWin: 24})
		_, _ = w.Write(text(5000))
		_ = w.Close()
		return b.Bytes()
	}
	gz, br, zs := encode(t, Gzip, plain), encode(t, Brotli, plain), encode(t, Zstd, plain)
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, zs...)
	dictionary := append([]byte(nil), zs...)
	dictionary[4] |= 1
	damaged := append([]byte(nil), gz...)
	damaged[len(damaged)-6] ^= 1 // the checksum
	for _, tc := range []struct {
		name string
		c    Coding
		body []byte
		want Fault
	}{
		{"two members", Gzip, append(gz[:len(gz):len(gz)], gz...), Malformed},
		{"a CRLF behind", Gzip, append(gz[:len(gz):len(gz)], "\r\n"...), Malformed},
		{"a byte behind", Brotli, append(br[:len(br):len(br)], 0), Malformed},
		{"a byte behind", Zstd, append(zs[:len(zs):len(zs)], 0), Malformed},
		{"two frames", Zstd, append(zs[:len(zs):len(zs)], zs...), Malformed},
		{"a skippable frame first", Zstd, skippable, Unsupported},
		{"a skippable frame behind", Zstd, append(zs[:len(zs):len(zs)], skippable[:9]...), Malformed},
		{"a dictionary", Zstd, dictionary, Unsupported},
		{"a window of 16 MiB", Zstd, wide(zstd.WithWindowSize(16 << 20)), Unsupported},
		{"a window of 16 MiB", Brotli, wideBrotli(), Unsupported},
		{"cut", Gzip, gz[:len(gz)-1], Malformed},
		{"cut", Gzip, gz[:5], Malformed},
		{"cut", Brotli, br[:len(br)-1], Malformed},
		{"cut", Zstd, zs[:len(zs)-1], Malformed},
		{"empty", Gzip, nil, Malformed},
		{"empty", Brotli, nil, Malformed},
		{"damaged", Gzip, damaged, Malformed},
		{"plain", Gzip, plain, Malformed},
		{"plain", Zstd, plain, Malformed},
		{"zlib", Gzip, []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1}, Malformed},
	} {
		for _, step := range []int{1, 3, 1000, len(tc.body) + 1} {
			_, err := decode(tc.c, DefaultRatio, tc.body, step)
			if e, ok := errors.AsType[*Error](err); !ok || e.Fault != tc.want || e.Detail == "" {
				t.Errorf("%d, %s by %d: %v", tc.c, tc.name, step, err)
			}
		}
		_, err := decodeMessages(tc.c, DefaultRatio, tc.body)
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != tc.want || e.Detail == "" {
			t.Errorf("%d, %s as a message: %v", tc.c, tc.name, err)
		}
	}
	if _, err := decode(Zstd, DefaultRatio, wide(zstd.WithWindowSize(8<<20)), 1000); err != nil {
		t.Errorf("a window of 8 MiB: %v", err)
	}
}

// A bomb is refused early, whatever its coding.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 8<<20)
	for name, c := range all {
		body := encode(t, c, zeros)
		for _, step := range []int{100, len(body)} {
			got, err := decode(c, DefaultRatio, body, step)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Fault != TooLong || len(got) > DefaultRatio*len(body)+RatioFrom {
				t.Errorf("%s by %d: %d bytes of %d, %v", name, step, len(got), len(body), err)
			}
		}
		got, err := decodeMessages(c, DefaultRatio, body)
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != TooLong || len(got) > DefaultRatio*len(body)+RatioFrom {
			t.Errorf("%s as a message: %d bytes of %d, %v", name, len(got), len(body), err)
		}
		small := encode(t, c, zeros[:RatioFrom])
		if _, err := decode(c, DefaultRatio, small, len(small)); err != nil {
			t.Errorf("%s: a short body: %v", name, err)
		}
	}
}

func TestOf(t *testing.T) {
	for value, want := range map[string]Coding{
		"gzip": Gzip, "GZip": Gzip, "br": Brotli, "zstd": Zstd,
		"": None, "identity": None, "x-gzip": None, "deflate": None, "gzip, gzip": None, "gzip,": None, " gzip": None, "compress": None, "dcz": None, "dcb": None,
	} {
		if got := Of(value); got != want {
			t.Errorf("%q: %d", value, got)
		}
	}
}

// A Decoder that is freed in the middle leaves nothing behind.
func TestFreed(t *testing.T) {
	for _, c := range all {
		body := encode(t, c, text(50_000))
		for _, n := range []int{0, 1, 10, len(body) / 2} {
			d := NewDecoder(c, DefaultRatio)
			stop := errors.New("enough")
			if err := d.Write(body[:n], func([]byte) error { return stop }); err != nil && !errors.Is(err, stop) {
				t.Error(err)
			}
			d.Free()
		}
	}
}

// FuzzDecode: any bytes are refused or decoded, by the same rules however they
// are cut, and never to more than the ratio.
func FuzzDecode(f *testing.F) {
	for _, c := range all {
		for _, n := range []int{0, 10, 5000} {
			f.Add(encode(f, c, text(n)), uint8(c), uint8(3))
		}
		f.Add(encode(f, c, make([]byte, 1<<20)), uint8(c), uint8(100))
	}
	f.Fuzz(func(t *testing.T, body []byte, coding, step uint8) {
		c := Coding(coding%3) + 1
		whole, wholeErr := decode(c, DefaultRatio, body, len(body)+1)
		if got, err := decodeMessages(c, DefaultRatio, body); got != whole && wholeErr == nil || (err == nil) != (wholeErr == nil) {
			t.Fatalf("a body: %v, a message: %v", wholeErr, err)
		}
		cut, cutErr := decode(c, DefaultRatio, body, int(step)+1)
		if long := DefaultRatio*len(body) + RatioFrom + chunk; len(whole) > long || len(cut) > long {
			t.Fatalf("%d bytes became %d", len(body), len(whole))
		}
		e, _ := errors.AsType[*Error](cutErr)
		if (e == nil || e.Fault != TooLong) && ((wholeErr == nil) != (cutErr == nil) || wholeErr == nil && cut != whole) {
			t.Fatalf("whole: %v, cut: %v", wholeErr, cutErr)
		}
	})
}

package transport

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// blocks are header blocks, and whether they leave the dynamic table alone.
var blocks = []struct {
	name   string
	block  []byte
	stable bool
}{
	{"indexed", []byte{0x82, 0x86, 0xbe}, true},
	{"indexed, long", []byte{0xff, 0x00}, true},
	{"without indexing", append([]byte{0x04, 5}, "/path"...), true},
	{"without indexing, a name of its own", append([]byte{0x00, 1, 'a', 1}, "b"...), true},
	{"never indexed", append([]byte{0x1f, 0x00, 1}, "b"...), true},
	{"Huffman", []byte{0x04, 0x82, 0x63, 0xff}, true},
	{"to be indexed", []byte{0x41, 1, 'x'}, false},
	{"to be indexed, after others", []byte{0x82, 0x04, 1, '/', 0x40, 1, 'a', 1, 'b'}, false},
	{"a new size", []byte{0x20}, false},
	{"a string that is cut", []byte{0x04, 5, '/'}, false},
	{"an integer that is cut", []byte{0xff}, false},
	{"an integer without end", append([]byte{0xff}, bytes.Repeat([]byte{0x80}, 20)...), false},
	{"a string without length", []byte{0x04}, false},
	{"a name that is cut", []byte{0x00, 3, 'a'}, false},
}

func TestStable(t *testing.T) {
	for _, b := range blocks {
		if got := stable(b.block); got != b.stable {
			t.Errorf("%s: %v", b.name, got)
		}
	}
}

// A block that is stable says the same again, whatever the table held before,
// and so does every block after it.
func FuzzStable(f *testing.F) {
	for _, b := range blocks {
		f.Add(b.block, []byte{0x82, 0xbe, 0xbf})
	}
	f.Fuzz(func(t *testing.T, block, after []byte) {
		if !stable(block) {
			return
		}
		once, twice := filled(t), filled(t)
		fields, err := once.DecodeFull(block)
		_, _ = twice.DecodeFull(block)
		if err != nil {
			return
		}
		again, err := twice.DecodeFull(block)
		if err != nil || !slices.Equal(fields, again) {
			t.Fatalf("%x says %v, then %v, %v", block, fields, again, err)
		}
		a, errA := once.DecodeFull(after)
		b, errB := twice.DecodeFull(after)
		if (errA == nil) != (errB == nil) || !slices.Equal(a, b) {
			t.Fatalf("after %x, %x says %v, %v, and after two %v, %v", block, after, a, errA, b, errB)
		}
	})
}

// filled returns a decoder whose dynamic table has entries.
func filled(t *testing.T) *hpack.Decoder {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, v := range []string{"a", "b", strings.Repeat("c", 100)} {
		if err := e.WriteField(hpack.HeaderField{Name: "x-" + v, Value: v}); err != nil {
			t.Fatal(err)
		}
	}
	d := hpack.NewDecoder(4096, nil)
	if _, err := d.DecodeFull(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return d
}

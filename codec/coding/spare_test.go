package coding

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/sealmesh/sealmesh/codec"
)

// memory collects what v refers to, and gives all runs of numbers in it to
// emit, as bytes: the tokens of an encoder have a byte each.
func memory(v reflect.Value, seen map[uintptr]bool, emit func([]byte)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		memory(v.Elem(), seen, emit)
	case reflect.Interface:
		memory(v.Elem(), seen, emit)
	case reflect.Struct:
		for i := range v.NumField() {
			memory(v.Field(i), seen, emit)
		}
	case reflect.Slice:
		memories(v.Slice(0, v.Cap()), seen, emit)
	case reflect.Array:
		memories(v, seen, emit)
	}
}

func memories(v reflect.Value, seen map[uintptr]bool, emit func([]byte)) {
	run := make([]byte, v.Len())
	for i := range run {
		switch e := v.Index(i); {
		case e.CanUint():
			run[i] = byte(e.Uint())
		case e.CanInt():
			run[i] = byte(e.Int())
		default:
			memory(e, seen, emit)
		}
	}
	emit(run)
}

const gram = 6

// grams counts the places in the memory of w that have six bytes of texts.
func grams(w *gzip.Writer, texts ...[]byte) (n int) {
	known := map[string]bool{}
	for _, text := range texts {
		for i := range len(text) - gram + 1 {
			known[string(text[i:i+gram])] = true
		}
	}
	memory(reflect.ValueOf(w), map[uintptr]bool{}, func(run []byte) {
		for i := range len(run) - gram + 1 {
			if known[string(run[i:i+gram])] {
				n++
			}
		}
	})
	return n
}

// An encoder that is used again has nothing of the last body: neither text nor
// what it encoded.
func TestSpareEncodersAreOverwritten(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{20, 300, 2000, maxSpare} {
		for _, span := range []int{10, 256} { // digits, and bytes that no code makes shorter
			var coded bytes.Buffer
			w, err := gzip.NewWriterLevel(&coded, gzip.BestSpeed)
			must(t, err)
			text := make([]byte, n)
			for i := range text {
				text[i] = '0' + byte(r.IntN(span))
			}
			for rest := text; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
				_, err := w.Write(rest[:min(len(rest), 1000)])
				must(t, err)
				if n == 2000 {
					must(t, w.Flush())
				}
			}
			must(t, w.Close())
			body := bytes.Clone(coded.Bytes()[10 : coded.Len()-8])
			w.Reset(nil)
			if grams(w, text, body) == 0 {
				t.Errorf("%d bytes: the test finds nothing", n)
			}
			must(t, overwrite(w, n))
			w.Reset(nil)
			if k := grams(w, text, body); k > 0 {
				t.Errorf("%d bytes: %d pieces remain", n, k)
			}
		}
	}
}

// A spare encoder writes what a new one does.
func TestSpareEncoders(t *testing.T) {
	for _, n := range []int{0, 10, maxSpare, maxSpare + 1, 10} {
		var out codec.Output
		e, err := NewEncoder(Gzip)
		must(t, err)
		must(t, e.Write(&out, text(n)))
		must(t, e.Close(&out))
		e.Free()
		got, err := decode(Gzip, DefaultRatio, bytes.Join(out.Segments(), nil), 1<<20)
		if err != nil || got != string(text(n)) {
			t.Errorf("%d bytes came back changed: %v", n, err)
		}
		out.Reset()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

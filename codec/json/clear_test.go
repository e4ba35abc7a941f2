package json

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// TestMemoryIsCleared: what a body left in owned memory is gone after Reset and
// Free, on every path by which it got there.
func TestMemoryIsCleared(t *testing.T) {
	secret := strings.Repeat(canary, 200)
	for name, tr := range map[string]codec.Transform{
		"text": func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, b[0].Value...), codec.Text, nil
		},
		"needs escaping": func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			return append(append(dst, '\n'), b[0].Value...), codec.Text, nil
		},
		"moved": func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			return bytes.Repeat(b[0].Value, 20), codec.Text, nil
		},
		"moved, wrong": func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			return bytes.Repeat(b[0].Value, 20), codec.Bytes, nil
		},
		"kept": func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, b[0].Value...), 0, codec.ErrKeep
		},
	} {
		var memory [][]byte
		watch := func(dst []byte, b []codec.Field) ([]byte, codec.Kind, error) {
			got, k, err := tr(dst, b)
			memory = append(memory, b[0].Value, dst[:cap(dst)], got[:cap(got)])
			return got, k, err
		}
		body := `{"look":"` + secret + `\n","b":1}`
		var out codec.Output
		w := newJSON(mustSelect(t, []codec.Rule{{Path: "$.look", Unescape: true}}), watch, codec.Limits{})
		err := w.Write(&out, []byte(body[:1000]))
		if err == nil {
			err = w.Write(&out, []byte(body[1000:]))
		}
		if (err != nil) != (name == "moved, wrong") {
			t.Errorf("%s: %v", name, err)
		}
		memory = append(memory, out.Segments()...)
		w.Free()
		out.Reset()
		if len(memory) < 4 {
			t.Fatalf("%s: the Transform was not called", name)
		}
		for i, m := range memory {
			if bytes.Contains(m, []byte("CANA")) {
				t.Errorf("%s: memory %d of %d still holds it", name, i, len(memory))
			}
		}
	}
}

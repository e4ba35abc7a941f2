package coding

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// decodeMessages decodes messages one after another, each at most 16 MiB long.
func decodeMessages(c Coding, ratio int, messages ...[]byte) (string, error) {
	m := NewMessages(c, ratio)
	defer m.Free()
	var got codec.Held
	defer got.Drop()
	for _, p := range messages {
		if err := m.Decode(&got, p, 16<<20); err != nil {
			return string(got.Bytes()), err
		}
	}
	return string(got.Bytes()), nil
}

// Messages are coded one by one: what one held does not reach the next.
func TestMessages(t *testing.T) {
	for name, c := range all {
		m := NewMessages(c, DefaultRatio)
		for i := range 50 {
			want := text(i * i * 50)
			var plain, back codec.Held
			var out codec.Output
			if err := m.Decode(&plain, encode(t, c, want), len(want)); err != nil || !bytes.Equal(plain.Bytes(), want) {
				t.Fatalf("%s, message %d: %d bytes of %d, %v", name, i, plain.Len(), len(want), err)
			}
			if err := m.Encode(&out, [][]byte{want[:len(want)/2], want[len(want)/2:]}); err != nil {
				t.Fatal(err)
			}
			coded := bytes.Join(out.Segments(), nil)
			if err := m.Decode(&back, coded, len(want)); err != nil || !bytes.Equal(back.Bytes(), want) {
				t.Fatalf("%s, message %d: %d bytes of %d after Encode, %v", name, i, back.Len(), len(want), err)
			}
			if got, err := decode(c, DefaultRatio, coded, 100); err != nil || got != string(want) {
				t.Fatalf("%s, message %d: %v", name, i, err)
			}
			plain.Drop()
			back.Drop()
			out.Reset()
		}
		m.Free()
	}
}

// A message is refused once it is longer than it may be, and all messages once
// they are together.
func TestLongMessages(t *testing.T) {
	for name, c := range all {
		m := NewMessages(c, DefaultRatio)
		var got codec.Held
		body := encode(t, c, text(5000)[:5000])
		if err := m.Decode(&got, body, 5000); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		err := m.Decode(&got, body, 4999)
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != TooLong {
			t.Errorf("%s past the limit: %v", name, err)
		}
		m.Free()
		got.Drop()
		small := encode(t, c, make([]byte, RatioFrom))
		if _, err := decodeMessages(c, DefaultRatio, small); err != nil {
			t.Errorf("%s: one short bomb: %v", name, err)
		}
		_, err = decodeMessages(c, DefaultRatio, small, small)
		if e, ok := errors.AsType[*Error](err); !ok || e.Fault != TooLong {
			t.Errorf("%s: two short bombs: %v", name, err)
		}
	}
}

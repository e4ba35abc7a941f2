package codec

import (
	"bytes"
	"strings"
	"testing"
)

func TestOutputSegments(t *testing.T) {
	long := bytes.Repeat([]byte("l"), 3*shortRun)
	for _, tc := range []struct {
		name  string
		build func(*Output)
		want  int // segments
	}{
		{"nothing", func(o *Output) { o.add(nil); o.put(nil) }, 0},
		{"short runs are one segment", func(o *Output) { o.add(long[:100]); o.put([]byte("x")); o.add(long[:7]) }, 1},
		{"a long run is by reference", func(o *Output) { o.add(long[:shortRun]) }, 1},
		{"neighbours join", func(o *Output) { o.add(long[:shortRun]); o.add(long[shortRun : shortRun+5]); o.add(long[shortRun+5:]) }, 1},
		{"strangers do not", func(o *Output) { o.add(long[:shortRun]); o.add(long[shortRun+1:]) }, 2},
		{"owned between", func(o *Output) { o.add(long[:shortRun]); o.put([]byte("x")); o.add(long[shortRun:]) }, 3},
		{"a full block", func(o *Output) { o.put(long[:firstBlock]); o.put([]byte("x")) }, 2},
		{"more than a block", func(o *Output) { o.put(long) }, 1},
	} {
		var o Output
		for range 2 { // again, recycled
			tc.build(&o)
			if got := bytes.Join(o.Segments(), nil); len(got) != o.Len() || len(o.Segments()) != tc.want {
				t.Errorf("%s: %d segments of %d bytes, Len %d", tc.name, len(o.Segments()), len(got), o.Len())
			}
			o.Reset()
			if o.Len() != 0 || len(o.Segments()) != 0 {
				t.Errorf("%s: not empty after Reset", tc.name)
			}
		}
	}
	if strings.Trim(string(long), "l") != "" {
		t.Error("Reset touched the input")
	}
}

// TestOutputClears: what a body left in owned memory is gone after Reset and Free, on
// every path by which it got there.
func TestOutputClears(t *testing.T) {
	secret := strings.Repeat(canary, 200)
	for name, tr := range map[string]Transform{
		"text": func(dst []byte, b []Field) ([]byte, Kind, error) { return append(dst, b[0].Value...), Text, nil },
		"needs escaping": func(dst []byte, b []Field) ([]byte, Kind, error) {
			return append(append(dst, '\n'), b[0].Value...), Text, nil
		},
		"moved":        func(dst []byte, b []Field) ([]byte, Kind, error) { return bytes.Repeat(b[0].Value, 20), Text, nil },
		"moved, wrong": func(dst []byte, b []Field) ([]byte, Kind, error) { return bytes.Repeat(b[0].Value, 20), Bytes, nil },
		"kept":         func(dst []byte, b []Field) ([]byte, Kind, error) { return append(dst, b[0].Value...), Keep, nil },
	} {
		var memory [][]byte
		watch := func(dst []byte, b []Field) ([]byte, Kind, error) {
			got, k, err := tr(dst, b)
			memory = append(memory, b[0].Value, dst[:cap(dst)], got[:cap(got)])
			return got, k, err
		}
		body := `{"look":"` + secret + `\n","b":1}`
		var out Output
		w := newJSON(mustSelect(t, []Rule{{Path: "$.look", Unescape: true}}), watch, Limits{})
		err := w.Write(&out, []byte(body[:1000]))
		held := w.(*jsonWriter).carry.bytes()
		memory = append(memory, held[:cap(held)])
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

func TestBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 4096, 1 << 22, 1<<22 + 1} {
		b := GetBuffer(n)
		if len(*b) != 0 || cap(*b) < n || cap(*b) < 1024 || n > 1024 && n <= 1<<22 && cap(*b) >= 2*n {
			t.Errorf("GetBuffer(%d): length %d, capacity %d", n, len(*b), cap(*b))
		}
		*b = append(*b, canary...)
		whole := (*b)[:cap(*b)]
		whole[len(whole)-1] = 1
		PutBuffer(b)
		if len(bytes.Trim(whole, "\x00")) != 0 {
			t.Errorf("PutBuffer of %d left something", n)
		}
	}
	odd := make([]byte, 10, 3000)
	PutBuffer(&odd) // not of a class: cleared, never given out for one
	if b := GetBuffer(4096); cap(*b) < 4096 {
		t.Errorf("capacity %d", cap(*b))
	}
}

// A long value that is kept takes no memory.
func TestKeptValueTakesNoRoom(t *testing.T) {
	var out Output
	defer out.Reset()
	w := newJSON(mustSelect(t, []Rule{{Path: "$.a"}}), keep, Limits{})
	defer w.Free()
	if err := w.Write(&out, []byte(`{"a":"`+strings.Repeat("s", 1<<20-2)+`"}`)); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, b := range out.owned {
		total += cap(*b)
	}
	if total > maxBlock || len(out.adopted) > 0 {
		t.Errorf("%d bytes of blocks, %d adopted", total, len(out.adopted))
	}
}

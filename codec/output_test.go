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
		{"nothing", func(o *Output) { o.Pass(nil); o.Put(nil) }, 0},
		{"short runs are one segment", func(o *Output) { o.Pass(long[:100]); o.Put([]byte("x")); o.Pass(long[:7]) }, 1},
		{"a long run is by reference", func(o *Output) { o.Pass(long[:shortRun]) }, 1},
		{"neighbours join", func(o *Output) {
			o.Pass(long[:shortRun])
			o.Pass(long[shortRun : shortRun+5])
			o.Pass(long[shortRun+5:])
		}, 1},
		{"strangers do not", func(o *Output) { o.Pass(long[:shortRun]); o.Pass(long[shortRun+1:]) }, 2},
		{"owned between", func(o *Output) { o.Pass(long[:shortRun]); o.Put([]byte("x")); o.Pass(long[shortRun:]) }, 3},
		{"a full block", func(o *Output) { o.Put(long[:firstBlock]); o.Put([]byte("x")) }, 2},
		{"more than a block", func(o *Output) { o.Put(long) }, 1},
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

func TestBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 1023, 1024, 1025, 4096, 1 << 22, 1<<22 + 1} {
		b := GetBuffer(n)
		if len(*b) != 0 || cap(*b) < n || cap(*b) < 1024 || n > 1024 && n <= 1<<22 && cap(*b) >= 2*n {
			t.Errorf("GetBuffer(%d): length %d, capacity %d", n, len(*b), cap(*b))
		}
		*b = append(*b, "CANARY"...)
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

// Memory that was taken but in which nothing was written out is cleared too.
func TestResetClearsWhatWasOnlyTaken(t *testing.T) {
	var o Output
	b := append(o.Tail(8), "4539"...)
	o.Reset()
	if string(b) == "4539" {
		t.Error("still there")
	}
}

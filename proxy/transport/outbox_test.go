package transport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/mem"
)

// Messages that wait together share a frame, up to its limit and to what comes
// between.
func TestFramesAreShared(t *testing.T) {
	var o outbox
	o.init()
	send := func(id uint32, n int) {
		var m outgoing
		for left := m.init(mem.BufferSlice{mem.SliceBuffer(bytes.Repeat([]byte{byte(n)}, n))}); left > 0; {
			k := min(left, o.maxFrame)
			o.data(id, k, &m)
			left -= k
		}
	}
	send(1, 10)
	send(1, 20)
	send(3, 30)
	send(1, 40)
	o.windowUpdate(1, 1)
	send(1, 50)
	send(1, o.maxFrame-2*prefixLen-50)
	send(1, 60)
	var wire bytes.Buffer
	if err := o.batch.write(sink{w: &wire}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for f := http2.NewFramer(nil, &wire); ; {
		frame, err := f.ReadFrame()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		h := frame.Header()
		got = append(got, fmt.Sprint(h.Type, h.StreamID, h.Length))
	}
	want := []string{"DATA 1 40", "DATA 3 35", "DATA 1 45", "WINDOW_UPDATE 1 4", "DATA 1 16384", "DATA 1 65"}
	if !slices.Equal(got, want) {
		t.Errorf("frames %q, want %q", got, want)
	}
}

// sink is a connection that is only written to.
type sink struct {
	net.Conn
	w io.Writer
}

func (s sink) Write(p []byte) (int, error) { return s.w.Write(p) }

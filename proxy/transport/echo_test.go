package transport_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// begin opens a stream of grpc-go's client, in bytes.
func begin(t testing.TB, ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	opts = append(opts, grpc.ForceCodecV2(testCodec))
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func recv(s grpc.ClientStream) ([]byte, error) {
	var b []byte
	err := s.RecvMsg(&b)
	return b, err
}

// random returns n bytes that follow from n.
func random(n int) []byte {
	b := make([]byte, n+8)
	r := rand.NewPCG(1, uint64(n))
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b[:n]
}

// TestEchoSizes sends messages of lengths around every boundary there is.
func TestEchoSizes(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), echo)
	s := begin(t, t.Context(), conn)
	for _, edge := range []int{0, 1, 2 << 10, 4 << 10, 16 << 10, 32 << 10, 64 << 10, 80 << 10, window, 512 << 10, 1 << 20, maxMessage} {
		for _, d := range []int{-9, -5, -1, 0, 1, 5, 9} {
			n := edge + d
			if n < 0 || n > maxMessage || edge == maxMessage && d < -1 {
				continue
			}
			want := random(n)
			if err := s.SendMsg(&want); err != nil {
				t.Fatal(n, err)
			}
			got, err := recv(s)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: %d came back, %v", n, len(got), err)
			}
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := recv(s); err != io.EOF {
		t.Fatal(err)
	}
}

// TestTooLong: one byte more than MaxMessage, in one frame and in many, with
// END_STREAM or not.
func TestTooLong(t *testing.T) {
	t.Parallel()
	for _, most := range []int{100, maxMessage} {
		o := options(t)
		o.MaxMessage = most
		_, conn := serve(t, o, echo)
		for _, end := range []bool{false, true} {
			s := begin(t, t.Context(), conn)
			long := random(most + 1)
			if err := s.SendMsg(&long); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if end {
				_ = s.CloseSend()
			}
			if _, err := recv(s); status.Code(err) != codes.ResourceExhausted {
				t.Errorf("%d bytes, end %v: %v", most+1, end, err)
			}
		}
	}
}

// TestTooLongInOneFrame: what follows in the frame, and END_STREAM on it,
// changes nothing.
func TestTooLongInOneFrame(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.MaxMessage = 10
	p := meet(t, o, func(s grpc.ServerStream) error {
		for {
			var b []byte
			if err := s.RecvMsg(&b); err != nil {
				return err
			}
		}
	})
	p.open(1)
	p.send(1, true, "0123456789", "0123456789a", "x")
	p.open(3)
	p.must(p.WriteData(3, true, []byte{0, 0xff, 0xff, 0xff, 0xff})) // announces 4 GiB
	p.open(5)
	p.must(p.WriteData(5, false, []byte{1, 0, 0, 0, 1, 'x'})) // compressed
	for id, code := range map[uint32]string{1: "8", 3: "8", 5: "12"} {
		if h := p.ended(id); h.status() != code {
			t.Errorf("%+v", h)
		}
	}
}

// TestManyMessagesInOneFrame go to the handler one by one.
func TestManyMessagesInOneFrame(t *testing.T) {
	t.Parallel()
	p := meet(t, options(t), echo)
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint(100 + i)[:i%3])
	}
	p.open(1)
	p.send(1, true, want...)
	if h := p.ended(1); h.status() != "0" || !slices.Equal(h.messages(), want) {
		t.Fatalf("%s: %d messages", h.status(), len(h.messages()))
	}
}

// TestAnySplit sends the same messages, cut into DATA frames at random, with
// random padding.
func TestAnySplit(t *testing.T) {
	t.Parallel()
	var long, short []string
	for _, n := range []int{0, 1, 5, 100, 3000, 20_000, 70_000, 0, 200_000, 2} {
		long, short = append(long, string(random(n))), append(short, string(random(n/100)))
	}
	p := meet(t, options(t), echo)
	p.settled() // and knows the window
	r := rand.New(rand.NewPCG(1, 2))
	for id := uint32(1); id < 60; id += 2 {
		want := short
		if id%5 == 0 {
			want = long
		}
		p.open(id)
		p.sendSplit(id, r, frame(want...))
		if h := p.ended(id); h.status() != "0" || !slices.Equal(h.messages(), want) {
			t.Fatalf("stream %d: %s, %d messages", id, h.status(), len(h.messages()))
		}
	}
}

// sendSplit sends b in random frames, and listens while the window is closed.
func (p *peer) sendSplit(id uint32, r *rand.Rand, b []byte) {
	p.t.Helper()
	most, sent := 1+min(len(b)/(1+r.IntN(300)), 16<<10-257), 0
	for first := true; first || len(b) > 0; first = false {
		n := min(r.IntN(most+1), len(b))
		var pad []byte
		if r.IntN(3) == 0 {
			pad = make([]byte, r.IntN(256))
		}
		p.until(func() bool { return sent+n+len(pad)+1 <= window+p.grown[id] })
		p.must(p.WriteDataPadded(id, n == len(b), b[:n], pad))
		sent += n
		if pad != nil {
			sent += len(pad) + 1
		}
		b = b[n:]
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	got := make(chan metadata.MD, 1)
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		got <- md
		return nil
	})
	none, a, ab := metadata.MD(nil), metadata.MD{"traceparent": {"a"}}, metadata.MD{"traceparent": {"a", "b"}}
	for _, want := range []metadata.MD{none, a, a, a, ab, ab, a, a, none, none, ab, a, none} { // blocks that repeat say the same
		md := metadata.Join(want, metadata.Pairs("tracestate", "x", "other", "y"))
		if _, err := recv(begin(t, metadata.NewOutgoingContext(t.Context(), md), conn)); err != io.EOF {
			t.Fatal(err)
		}
		if md := <-got; len(md) != len(want) || !slices.Equal(md["traceparent"], want["traceparent"]) {
			t.Errorf("%v, not %v", md, want)
		}
	}
}

// TestDeadline: the handler's context has the deadline of the client's.
func TestDeadline(t *testing.T) {
	t.Parallel()
	got := make(chan time.Duration, 1)
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		end, _ := s.Context().Deadline()
		got <- time.Until(end)
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := recv(begin(t, ctx, conn)); err != io.EOF {
		t.Error(err)
	}
	if left := <-got; left < 50*time.Minute || left > time.Hour {
		t.Error(left)
	}
}

// TestDeadlinePasses under a handler that waits, whatever for.
func TestDeadlinePasses(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(grpc.ServerStream) error{
		"recv": func(s grpc.ServerStream) error { return s.RecvMsg(new([]byte)) },
		"send": func(s grpc.ServerStream) error {
			for {
				if err := s.SendMsg(new(make([]byte, 1000))); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, addr := listen(t, options(t), wait)
			p := connect(t, addr)
			p.open(1, "grpc-timeout", "20m")
			p.open(3, "grpc-timeout", "0n")
			for _, id := range []uint32{1, 3} {
				if h := p.ended(id); h.status() != "4" {
					t.Errorf("%+v", h)
				}
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	got := make(chan error, 2)
	_, conn := serve(t, options(t), func(s grpc.ServerStream) error {
		_ = s.SendMsg(new([]byte))
		err := s.RecvMsg(new([]byte))
		<-s.Context().Done()
		got <- err
		got <- s.SendMsg(new([]byte))
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	s := begin(t, ctx, conn)
	if _, err := recv(s); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 2 {
		if err := <-got; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	}
}

// TestManyAtOnce has more streams than the server takes: the client waits for
// its turn.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), echo)
	var all sync.WaitGroup
	for i := range 3 * maxStreams {
		all.Go(func() {
			s := begin(t, t.Context(), conn)
			for n := range 10 {
				want := random(i * n * 10)
				if err := s.SendMsg(&want); err != nil {
					t.Error(err)
					return
				}
				if got, err := recv(s); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes: %d, %v", len(want), len(got), err)
					return
				}
			}
			_ = s.CloseSend()
			if _, err := recv(s); err != io.EOF {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestBothWaysAtOnce: replies that nobody reads yet stop neither side for ever.
func TestBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	_, conn := serve(t, options(t), echo)
	s := begin(t, t.Context(), conn)
	const n, size = 200, 62_000
	go func() {
		for range n {
			if s.SendMsg(new(random(size))) != nil {
				return
			}
		}
		_ = s.CloseSend()
	}()
	want := random(size)
	for range n {
		if got, err := recv(s); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d, %v", len(got), err)
		}
	}
	if _, err := recv(s); err != io.EOF {
		t.Fatal(err)
	}
}

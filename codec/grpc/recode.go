package grpc

import (
	"bytes"
	"encoding/binary"

	"github.com/sealmesh/sealmesh/codec"
)

// encode adds to out the frames that inner has written. A compressed message is
// encoded if it has changed; otherwise it leaves as it came. The growth of out
// is such that what it has without growth is as long as the decoded frames:
// limits of a body are about the decoded body.
func (w *coded) encode(out *codec.Output) error {
	before, rest, n := out.Len(), pieces(w.out.Segments()), 0
	for len(rest) > 0 {
		var h [head]byte
		rest = rest.copy(h[:])
		w.parts, rest = rest.take(w.parts[:0], int(binary.BigEndian.Uint32(h[1:])))
		if h[0]&compressed == 0 {
			out.Put(h[:])
			put(out, w.parts)
			continue
		}
		f := &w.coded[n]
		n++
		if pieces(w.parts).equal(w.body.Bytes()[f.begin:f.after]) {
			out.Put(w.came.Bytes()[f.from:f.to])
			continue
		}
		if err := w.messages.Encode(&w.again, w.parts); err != nil {
			return err
		}
		binary.BigEndian.PutUint32(h[1:], uint32(w.again.Len()))
		out.Put(h[:])
		put(out, w.again.Segments())
		w.again.Reset()
	}
	out.Grew(out.Len() - before - (w.out.Len() - w.out.Growth()))
	return nil
}

func put(out *codec.Output, parts [][]byte) {
	for _, p := range parts {
		out.Put(p)
	}
}

// pieces are bytes in several slices, none of which is empty.
type pieces [][]byte

// copy fills b from the beginning of p, and returns the rest.
func (p pieces) copy(b []byte) (rest pieces) {
	for len(b) > 0 && len(p) > 0 {
		n := copy(b, p[0])
		b, p = b[n:], p.after(n)
	}
	return p
}

// take adds to parts the first n bytes of p, and returns the rest.
func (p pieces) take(parts [][]byte, n int) (_ [][]byte, rest pieces) {
	for n > 0 && len(p) > 0 {
		k := min(n, len(p[0]))
		parts = append(parts, p[0][:k])
		n, p = n-k, p.after(k)
	}
	return parts, p
}

// after returns p without its first n bytes, which are in its first slice. It
// changes the slices of p.
func (p pieces) after(n int) pieces {
	if n == len(p[0]) {
		return p[1:]
	}
	p[0] = p[0][n:]
	return p
}

// equal reports whether p has the bytes of b.
func (p pieces) equal(b []byte) bool {
	for _, s := range p {
		if len(s) > len(b) || !bytes.Equal(s, b[:len(s)]) {
			return false
		}
		b = b[len(s):]
	}
	return len(b) == 0
}

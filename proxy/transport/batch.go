package transport

import (
	"net"

	"google.golang.org/grpc/mem"
)

const (
	// copied is the length up to which a run is copied: one more element of a vectored write costs more.
	copied = 4 << 10
	// firstBatch is what a batch has room for at first, in bytes.
	firstBatch = 2 << 10
	// keptBatch is how much memory a batch that was written keeps, in bytes.
	keptBatch = 64 << 10
)

// A batch is what one write writes: runs that were copied, and runs that others own.
type batch struct {
	small []byte
	parts []part
	refs  []mem.Buffer // owners of the runs that were not copied
	size  int          // of all, in bytes
	vec   [][]byte
	bufs  net.Buffers // vec, being written
}

// A part is a run that is not in small, and comes after small[:at].
type part struct {
	at  int
	run []byte
}

func (b *batch) copy(p []byte) {
	if n := len(b.small) + len(p); n > cap(b.small) {
		old := b.small
		b.small = append(make([]byte, 0, max(n, 2*cap(old), firstBatch)), old...)
		clear(old) // as reset does, and append would not
	}
	b.small = append(b.small, p...)
	b.size += len(p)
}

// add puts run, which owner holds, into the batch.
func (b *batch) add(run []byte, owner mem.Buffer) {
	if len(run) <= copied {
		b.copy(run)
		return
	}
	owner.Ref()
	b.refs = append(b.refs, owner)
	b.parts = append(b.parts, part{len(b.small), run})
	b.size += len(run)
}

// write writes the batch to w.
func (b *batch) write(w net.Conn) error {
	if len(b.parts) == 0 {
		_, err := w.Write(b.small)
		return err
	}
	b.vec = b.vec[:0]
	at := 0
	for _, p := range b.parts {
		if p.at > at {
			b.vec = append(b.vec, b.small[at:p.at])
			at = p.at
		}
		b.vec = append(b.vec, p.run)
	}
	if at < len(b.small) {
		b.vec = append(b.vec, b.small[at:])
	}
	b.bufs = b.vec
	_, err := b.bufs.WriteTo(vectored(w))
	return err
}

// reset empties the batch. What was copied held plaintext.
func (b *batch) reset() {
	for _, r := range b.refs {
		r.Free()
	}
	clear(b.small)
	clear(b.refs)
	clear(b.parts)
	clear(b.vec[:cap(b.vec)])
	b.small, b.parts, b.refs, b.vec, b.bufs = b.small[:0], b.parts[:0], b.refs[:0], b.vec[:0], nil
	if cap(b.small) > keptBatch {
		b.small = nil
	}
	b.size = 0
}

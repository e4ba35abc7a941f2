package transport

import (
	"net"

	"google.golang.org/grpc/mem"
)

const (
	maxCopied  = 4 << 10  // longest run that is copied; an element of a vectored write costs more
	firstBatch = 2 << 10  // capacity of a new batch, in bytes
	keptBatch  = 64 << 10 // most memory that a batch keeps after its write, in bytes
)

// A batch is what one system call writes: copied runs in small, and runs of
// other owners in parts.
type batch struct {
	small []byte
	parts []part
	refs  []mem.Buffer // owners of parts
	size  int          // of all runs, in bytes
	vec   [][]byte
	bufs  net.Buffers // vec while it is written
}

// A part is a run that is not copied. It follows small[:at].
type part struct {
	at  int
	run []byte
}

func (b *batch) copy(p []byte) {
	if n := len(b.small) + len(p); n > cap(b.small) {
		old := b.small
		b.small = append(make([]byte, 0, max(n, 2*cap(old), firstBatch)), old...)
		clear(old) // append would leave plaintext behind
	}
	b.small = append(b.small, p...)
	b.size += len(p)
}

// add adds run. If run is not copied, it keeps a reference of owner until
// reset.
func (b *batch) add(run []byte, owner mem.Buffer) {
	if len(run) <= maxCopied {
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

// reset empties the batch and clears it: it held plaintext.
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

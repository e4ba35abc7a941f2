package transit

import (
	"io"
	"sync"
)

// A secretBody clears its bytes after they are sent or the request is given up.
// The transport may close it while it still reads, and after Do has returned.
type secretBody struct {
	mu   sync.Mutex
	sent int
	rest []byte
}

func (b *secretBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent == len(b.rest) {
		return 0, io.EOF
	}
	n := copy(p, b.rest[b.sent:])
	b.sent += n
	return n, nil
}

func (b *secretBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.rest)
	b.sent = len(b.rest)
	return nil
}

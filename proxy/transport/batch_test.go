package transport

import (
	"bytes"
	"testing"
)

// A batch leaves nothing of what it copied in memory, whether it grew or was
// written.
func TestBatchClears(t *testing.T) {
	var b batch
	for range 3 {
		var arrays [][]byte
		for range 100 {
			b.copy([]byte("plaintext that must not stay"))
			arrays = append(arrays, b.small[:cap(b.small)])
		}
		b.add(make([]byte, maxCopied), nil)
		b.reset()
		for _, a := range arrays {
			if bytes.Contains(a, []byte("plain")) {
				t.Fatalf("something is left of %d bytes", len(a))
			}
		}
		if b.size != 0 || len(b.small) != 0 {
			t.Fatalf("%d bytes after reset", b.size)
		}
	}
}

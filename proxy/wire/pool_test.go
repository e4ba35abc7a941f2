package wire

import "testing"

func TestPoolClearsWhatComesBack(t *testing.T) {
	for _, n := range []int{0, 1, 2048, 2049, 64 << 10, 1<<24 + 1} {
		b := bufferPool.Get(n)
		if len(*b) != n {
			t.Fatalf("Get(%d) has %d bytes", n, len(*b))
		}
		whole := (*b)[:cap(*b)]
		for i := range whole {
			whole[i] = 'p'
		}
		*b = (*b)[:n/2] // a prefix, as grpc may give back
		bufferPool.Put(b)
		for i := range whole {
			if whole[i] != 0 {
				t.Fatalf("Get(%d): byte %d of %d is left", n, i, len(whole))
			}
		}
	}
}

func TestPoolClasses(t *testing.T) {
	for _, c := range []struct{ n, capacity int }{
		{0, 2048}, {1, 2048}, {2048, 2048}, {2049, 4096}, {33 << 10, 64 << 10}, {1 << 24, 1 << 24},
	} {
		if got := cap(*bufferPool.Get(c.n)); got != c.capacity {
			t.Errorf("Get(%d) has capacity %d, want %d", c.n, got, c.capacity)
		}
	}
	b := make([]byte, 3000)
	bufferPool.Put(&b) // not ours: cleared and left to the collector
}

package wire

import "testing"

func TestPoolClearsWhatComesBack(t *testing.T) {
	for _, n := range []int{0, 1, minBuffer, minBuffer + 1, 64 << 10, 5 << 20} {
		b := bufferPool.Get(n)
		if len(*b) != n || cap(*b) < minBuffer {
			t.Fatalf("Get(%d) has %d bytes of %d", n, len(*b), cap(*b))
		}
		whole := (*b)[:cap(*b)]
		for i := range whole {
			if whole[i] != 0 {
				t.Fatalf("Get(%d): byte %d is %x", n, i, whole[i])
			}
			whole[i] = 'p'
		}
		*b = (*b)[:n/2] // a prefix, as grpc may give back
		bufferPool.Put(b)
		for i := range whole {
			if whole[i] != 0 {
				t.Fatalf("Put(%d): byte %d of %d is left", n, i, len(whole))
			}
		}
	}
}

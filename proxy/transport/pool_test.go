package transport_test

import (
	"bytes"
	"sync"
	"testing"

	"google.golang.org/grpc/mem"
)

const (
	poison   = 0xdb
	minAlloc = 2 << 10 // below 1 KiB mem.NewBuffer forgets the pool, as wire's pool knows
)

// A countingPool is a mem.BufferPool that knows which buffers are out. What
// comes back is poisoned and never handed out again, so that a reader sees
// poison, and the end of the test any write.
type countingPool struct {
	mu   sync.Mutex
	out  map[*[]byte]struct{}
	most int // bytes that were out at once
	held int // bytes that are out
	dead [][]byte
}

func newCountingPool(t testing.TB) *countingPool {
	p := &countingPool{out: make(map[*[]byte]struct{})}
	t.Cleanup(func() { p.check(t) })
	return p
}

func (p *countingPool) Get(n int) *[]byte {
	b := make([]byte, n, max(n, minAlloc))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out[&b] = struct{}{}
	p.held += cap(b)
	p.most = max(p.most, p.held)
	return &b
}

func (p *countingPool) Put(b *[]byte) {
	whole := (*b)[:cap(*b)]
	fill(whole)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.out[b]; !ok {
		panic("a buffer came back that is not out")
	}
	delete(p.out, b)
	p.held -= len(whole)
	p.dead = append(p.dead, whole)
	if len(p.dead) > 256 {
		p.dead = p.dead[1:]
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = poison
	}
}

// peak returns how many bytes were out at once at most.
func (p *countingPool) peak() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

func (p *countingPool) check(t testing.TB) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) > 0 {
		t.Errorf("%d buffers never came back", len(p.out))
	}
	for _, b := range p.dead {
		if bytes.Count(b, []byte{poison}) != len(b) {
			t.Error("a buffer was written to after it came back")
		}
	}
}

var _ mem.BufferPool = (*countingPool)(nil)

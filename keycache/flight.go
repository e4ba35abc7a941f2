package keycache

import (
	"context"
	"errors"
	"sync"
)

// A flight is one unwrapping, or one making, of a data key, shared by all who
// wait for it. It belongs to none of them: whoever gives up leaves it running
// for the rest.
type flight struct {
	done chan struct{}
	d    *dataKey
	err  error
}

// wait returns the flight's outcome, or the error of ctx if that ends before.
func (f *flight) wait(ctx context.Context) (*dataKey, error) {
	select {
	case <-f.done:
		return f.d, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errClosed = errors.New("the key is closed")

// flights holds what is in flight, by the hash of the record. It is by the whole
// record and not by the data key's id, which an attacker can copy into a record
// that will not unwrap: others' envelopes must not wait for it.
type flights struct {
	mu sync.Mutex
	m  map[[32]byte]*flight
}

// has reports whether the flight of that id is on its way.
func (fs *flights) has(id [32]byte) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.m[id] != nil
}

// join returns the flight of that id, and starts run when there is none.
func (k *key) join(id [32]byte, run func(context.Context) (*dataKey, error)) *flight {
	fs := &k.flights
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.m[id]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	started := k.work.spawn(func() {
		f.d, f.err = run(k.work.ctx)
		fs.mu.Lock()
		delete(fs.m, id)
		fs.mu.Unlock()
		close(f.done)
	})
	if !started {
		f.err = errClosed
		close(f.done)
		return f
	}
	fs.m[id] = f
	return f
}

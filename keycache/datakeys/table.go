package datakeys

import (
	"iter"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

// tableShards keeps a copy-on-write map small: at 16,384 keys a shard holds 64.
const tableShards = 256

// A table finds data keys by id. Readers take no lock and allocate nothing;
// writers copy one shard. Ids are halves of MACs, and only ids that a KMS has
// vouched for get in, so nobody can crowd one shard.
type table struct {
	shards [tableShards]atomic.Pointer[map[envelope.KeyID]*DataKey]
	mu     sync.Mutex // writers
	size   atomic.Int64
}

func (t *table) get(id envelope.KeyID) *DataKey {
	m := t.shards[id[0]].Load()
	if m == nil {
		return nil
	}
	return (*m)[id]
}

// put adds d and returns the data key that had its id before, or nil.
func (t *table) put(d *DataKey) (old *DataKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.copyShard(d.ID)
	if old = m[d.ID]; old == nil {
		t.size.Add(1)
	}
	m[d.ID] = d
	t.shards[d.ID[0]].Store(&m)
	return old
}

// remove takes d out, if it is in.
func (t *table) remove(d *DataKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.get(d.ID) != d {
		return
	}
	m := t.copyShard(d.ID)
	delete(m, d.ID)
	t.shards[d.ID[0]].Store(&m)
	t.size.Add(-1)
}

func (t *table) copyShard(id envelope.KeyID) map[envelope.KeyID]*DataKey {
	old := t.shards[id[0]].Load()
	if old == nil {
		return make(map[envelope.KeyID]*DataKey, 1)
	}
	return maps.Clone(*old)
}

func (t *table) all() iter.Seq[*DataKey] {
	return func(yield func(*DataKey) bool) {
		for i := range t.shards {
			if m := t.shards[i].Load(); m != nil {
				for _, d := range *m {
					if !yield(d) {
						return
					}
				}
			}
		}
	}
}

package datakeys

import (
	"container/list"
	"sync"
)

// maxSecondChances bounds the work of one eviction: when so many of the oldest
// keys are in use, the next one goes although it is, too.
const maxSecondChances = 64

// An lru bounds how many data keys are held for opening. Hits do not touch it:
// a key that was used since it took its place goes to the back when its turn to
// leave comes. Current sealing keys are not in it. Safe for concurrent use.
type lru struct {
	max  int
	mu   sync.Mutex
	list list.List // of *DataKey, the next to leave in front
}

// add puts d at the back and returns the keys that must leave for it.
func (l *lru) add(d *DataKey) (leave []*DataKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.place != nil {
		return nil
	}
	d.placedAt = d.lastUse.Load()
	d.place = l.list.PushBack(d)
	for l.list.Len() > l.max {
		leave = append(leave, l.next())
	}
	return leave
}

func (l *lru) next() *DataKey {
	for range maxSecondChances {
		front := l.list.Front()
		d := front.Value.(*DataKey)
		used := d.lastUse.Load()
		if used <= d.placedAt {
			break
		}
		d.placedAt = used
		l.list.MoveToBack(front)
	}
	d := l.list.Remove(l.list.Front()).(*DataKey)
	d.place = nil
	return d
}

// remove takes d out, if it is in.
func (l *lru) remove(d *DataKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.place != nil {
		l.list.Remove(d.place)
		d.place = nil
	}
}

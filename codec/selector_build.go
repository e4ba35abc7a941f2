package codec

import (
	"slices"
	"strings"
)

// build assigns bits to paths, which are sorted, the most specific first. So
// the lowest bit of the rules that accept a value is that of the owner.
func (s *Selector) build(paths []compiledPath) {
	bit := 0
	for i := range paths {
		need := len(paths[i].segs) + 1
		if bit%64+need > 64 {
			bit = (bit/64 + 1) * 64
		}
		paths[i].bit = bit
		bit += need
	}
	s.words = max((bit+63)/64, 1)
	s.start = make([]uint64, s.words)
	s.loop = make([]uint64, s.words)
	s.accept = make([]uint64, s.words)
	s.listed = make([]uint64, s.words)
	s.nth = make([]uint64, s.words)
	s.rules = make([]int32, s.words*64)
	var names []string
	for _, p := range paths {
		last := p.bit + len(p.segs)
		s.start[p.bit/64] |= 1 << (p.bit % 64)
		s.accept[last/64] |= 1 << (last % 64)
		s.rules[last] = int32(p.rule)
		for i, seg := range p.segs {
			at := p.bit + i
			if seg.descendant {
				s.loop[at/64] |= 1 << (at % 64)
			}
			switch {
			case seg.named:
				names = append(append(names, seg.name), s.twins[seg.name]...)
			case seg.listed:
				s.listed[at/64] |= 1 << (at % 64)
			case !seg.any:
				s.index = append(s.index, seg.index)
				s.nth[at/64] |= 1 << (at % 64)
			}
		}
	}
	s.names.build(names)
	slices.Sort(s.index)
	s.index = slices.Compact(s.index)
	s.fill(paths)
}

// fill writes the masks. Wildcards are in every row. What can be an element is
// in the last row too, that of [Selector.SomeElement].
func (s *Selector) fill(paths []compiledPath) {
	some := int(s.SomeElement())
	s.masks = make([]uint64, (some+1)*s.words)
	for _, p := range paths {
		for i, seg := range p.segs {
			at := p.bit + i
			first, last := s.row(seg), s.row(seg)
			if seg.any {
				first, last = 0, some
			}
			for r := first; r <= last; r++ {
				s.masks[r*s.words+at/64] |= 1 << (at % 64)
			}
			for _, twin := range s.twins[seg.name] {
				s.masks[s.names.find([]byte(twin))*s.words+at/64] |= 1 << (at % 64)
			}
			if !seg.named || isDecimal(seg.name) {
				s.masks[some*s.words+at/64] |= 1 << (at % 64)
			}
		}
	}
}

// isDecimal reports whether name is digits only, as the index of an element is.
func isDecimal(name string) bool { return name != "" && strings.Trim(name, "0123456789") == "" }

// row returns the row of masks for the step that seg names.
func (s *Selector) row(seg segment) int {
	switch {
	case seg.any:
		return 0
	case seg.named:
		return s.names.find([]byte(seg.name))
	}
	return s.indexRow(seg.index)
}

func (s *Selector) indexRow(index int) int {
	if n := len(s.index); n == 0 || index > s.index[n-1] {
		return 0
	}
	at, ok := slices.BinarySearch(s.index, index)
	if !ok {
		return 0
	}
	return 1 + len(s.names.entries) + at
}

// A nameTable finds a member name among the names that rules use. Names are in
// buckets by length, first and last byte. So most other names are excluded
// before a byte is compared.
type nameTable struct {
	bucket  [257]uint32    // where each bucket starts in entries
	entries []string       // by bucket
	crowded map[string]int // index of each entry of a bucket with more than crowd entries
	fold    bool           // entries are folded, and a name is folded before it is compared
	longest int            // length of the longest entry, in bytes
}

// crowd is the number of entries of a bucket that are compared one by one.
const crowd = 8

func (t *nameTable) build(names []string) {
	names = slices.Clone(names)
	slices.Sort(names)
	t.entries = slices.Compact(names)
	slices.SortStableFunc(t.entries, func(a, b string) int {
		return nameBucket([]byte(a)) - nameBucket([]byte(b))
	})
	for _, n := range t.entries {
		t.bucket[nameBucket([]byte(n))+1]++
	}
	for i := 1; i < len(t.bucket); i++ {
		t.bucket[i] += t.bucket[i-1]
	}
	t.crowded = make(map[string]int)
	for i, n := range t.entries {
		if b := nameBucket([]byte(n)); t.bucket[b+1]-t.bucket[b] > crowd {
			t.crowded[n] = i
		}
	}
	for _, n := range names {
		t.longest = max(t.longest, len(n))
	}
}

func nameBucket(name []byte) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	return int(uint8(n) + name[0]*31 + name[n-1]*7)
}

// find returns the row of masks for name, 0 where no rule uses it.
func (t *nameTable) find(name []byte) int {
	if t.fold {
		// Folding shortens a character to a third of its bytes at most.
		if len(name) > 3*t.longest {
			return 0
		}
		var room [64]byte
		if len(name) > len(room) {
			return t.findLong(name)
		}
		name = appendFold(room[:0], name)
	}
	return t.findExact(name)
}

// findLong is find for a long name that has to be folded. Folding makes no name
// longer.
func (t *nameTable) findLong(name []byte) int {
	b := GetBuffer(len(name))
	defer PutBuffer(b)
	return t.findExact(appendFold(*b, name))
}

func (t *nameTable) findExact(name []byte) int {
	b := nameBucket(name)
	first, end := int(t.bucket[b]), int(t.bucket[b+1])
	if end-first > crowd {
		i, ok := t.crowded[string(name)]
		if !ok {
			return 0
		}
		return 1 + i
	}
	for i := first; i < end; i++ {
		if t.entries[i] == string(name) {
			return 1 + i
		}
	}
	return 0
}

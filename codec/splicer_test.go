package codec

import (
	"bytes"
	"testing"
)

func keep(dst []byte, _ []Field) ([]byte, Kind, error) { return dst, 0, ErrKeep }

func mustSelect(t testing.TB, rules []Rule) *Selector {
	t.Helper()
	sel, err := NewSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// splicing returns a Splicer that keeps the values of one rule.
func splicing(t *testing.T) *Splicer {
	t.Helper()
	s := new(Splicer)
	s.Reset(mustSelect(t, []Rule{{Path: "$.a"}}), keep, Limits{Fields: 1 << 30}.WithDefaults())
	return s
}

// splice runs one chunk through s, which has a value from start to end.
func splice(t *testing.T, s *Splicer, out *Output, chunk []byte, start, end int) {
	t.Helper()
	s.Chunk(out, chunk)
	base := s.base
	if !s.Begin(0, base+int64(start)) {
		t.Fatal("no more fields")
	}
	f, ok := s.Take(base + int64(end))
	if !ok {
		t.Fatal("too long")
	}
	s.Put(f, nil, '"')
	if err := s.Splice(); err != nil {
		t.Fatal(err)
	}
}

// A long value that is kept takes no memory.
func TestKeptValueTakesNoRoom(t *testing.T) {
	var out Output
	defer out.Reset()
	s := splicing(t)
	defer s.Free()
	chunk := bytes.Repeat([]byte("s"), 1<<20)
	splice(t, s, &out, chunk, 0, len(chunk))
	total := 0
	for _, b := range out.owned {
		total += cap(*b)
	}
	if total > maxBlock || len(out.adopted) > 0 {
		t.Errorf("%d bytes of blocks, %d adopted", total, len(out.adopted))
	}
}

// What a Splicer keeps room for does not grow with the body.
func TestSplicerStaysBounded(t *testing.T) {
	var out Output
	s := splicing(t)
	defer s.Free()
	chunk := []byte(`{"a":"x"}`)
	for range 100_000 {
		splice(t, s, &out, chunk, 5, 8)
		out.Reset()
	}
	if n := cap(s.fields) + cap(s.spans); n > 100 || s.count != 100_000 || s.carry.Len() != 0 {
		t.Errorf("%d entries after %d fields, %d bytes held", n, s.count, s.carry.Len())
	}
}

// What is held of a cut value, and every smaller buffer before it, is cleared.
func TestHeldIsCleared(t *testing.T) {
	var out Output
	s := splicing(t)
	var memory [][]byte
	s.Begin(0, 0)
	for i := range int64(4) {
		s.Chunk(&out, bytes.Repeat([]byte("SECRET "), 100<<i))
		if err := s.Splice(); err != nil {
			t.Fatal(err)
		}
		held := s.carry.Bytes()
		memory = append(memory, held[:cap(held)])
	}
	s.Free()
	for i, m := range memory {
		if bytes.Contains(m, []byte("SECRET")) {
			t.Errorf("buffer %d is not cleared", i)
		}
	}
}

func mustFold(t testing.TB, rules []Rule) *Selector {
	t.Helper()
	sel, err := NewFoldingSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

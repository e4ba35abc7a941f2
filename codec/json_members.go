package codec

import (
	"bytes"
	"encoding/binary"
)

// nameThenColon is how the end of a member name looks to a little-endian load.
const nameThenColon = '"' | ':'<<8

// nameTables say of which lengths the names are that have to be looked at, by
// first byte, as nameTable.lengths does: in a container that nobody looks at, in
// one in which rules look for names, in one that may be part of a patch, and in
// one that is both.
type nameTables [4][256]uint64

func newNameTables(s *Selector) (t nameTables) {
	t[1] = s.names.lengths
	if s.guard.Patch {
		for _, names := range patchNames {
			for _, n := range names {
				t[2][n[0]] |= 1 << len(n)
				t[2][n[0]&^0x20] |= 1 << len(n)
			}
		}
	}
	var long uint64 // may hold an envelope
	if s.guard.Envelope != nil {
		long = ^uint64(1<<HeadLen - 1)
	}
	for c := range t[0] {
		if s.names.fold && s.guard.Patch {
			t[2][c] = ^uint64(0)
		}
		t[0][c] |= long
		t[1][c] |= long
		t[2][c] |= long
		t[3][c] = t[1][c] | t[2][c]
	}
	return t
}

// of returns the table for a container.
func (t *nameTables) of(f frame) *[256]uint64 {
	return &t[f/liveFrame&1|f/(watchFrame/2)&2]
}

// members reads on fast through members of the innermost object, of which most bodies
// consist: names without escapes that no rule uses, each with a scalar and a comma behind it,
// and no blanks but after a comma and one after a colon. p[i] begins a name. It returns where it
// stopped, and what stands there: another name, the value of one that it read, or what
// follows such a value.
//
// Loads are written p[at:at+8] behind at <= len(p)-8, which costs one compare; p[at:] would
// put three steps more between one string's end and the next one's first byte.
func (s *jsonScan) members(p []byte, i int, in frame, depth int) (int, jsonState) {
	s.in, s.depth = in, depth
	lengths, longest := &s.tables[0], quickName
	if in&(liveFrame|watchFrame) != 0 {
		lengths, longest = s.tables.of(in), min(longest, s.limits.NameBytes)
	}
	s.row = 0
	for i >= 0 && i < len(p) && p[i] == '"' {
		at := plainRun(p, i+1)
		if at < len(p) && p[at] >= 0x80 {
			at = lettersEnd(p, i)
		}
		n := at - i - 1
		if n < 0 || at > len(p)-8 || binary.LittleEndian.Uint16(p[at:at+2]) != nameThenColon ||
			n > longest || lengths[p[i+1]]>>uint(n)&1 != 0 && s.notable(p[i+1:at]) {
			return i, atName
		}
		if at += 2; p[at] == ' ' {
			at++
		}
		end := 0
		switch c := p[at]; {
		case c == '"':
			if end = stringEnd(p, at); end-at > cleanString && s.guard.holds(p[at:end]) {
				end = 0
			}
		case c == '-' || c-'0' <= 9:
			end = numberEnd(p, at)
		default:
			end = literalEnd(p, at)
		}
		if end == 0 {
			return at, atValue
		}
		if end >= len(p) || p[end] != ',' {
			return end, atNext
		}
		for i = end + 1; i < len(p) && p[i] <= ' ' && isSpace[p[i]]; {
			i++
		}
	}
	return i, atName
}

// lettersEnd returns the index of the quote that ends the name that begins at p[i], or 0
// when the chunk cuts it, it is malformed or has escapes.
func lettersEnd(p []byte, i int) int {
	end := stringEnd(p, i)
	if end == 0 || bytes.IndexByte(p[i:end], '\\') >= 0 {
		return 0
	}
	return end - 1
}

// Literals as little-endian loads see them.
const (
	wordTrue = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	wordFals = 'f' | 'a'<<8 | 'l'<<16 | 's'<<24
	wordNull = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
)

// literalEnd is scalarEnd for true, false and null.
func literalEnd(p []byte, i int) int {
	if i < 0 || i > len(p)-len("false") {
		return 0
	}
	switch binary.LittleEndian.Uint32(p[i : i+4]) {
	case wordTrue, wordNull:
		return i + 4
	case wordFals:
		if p[i+4] == 'e' {
			return i + 5
		}
	}
	return 0
}

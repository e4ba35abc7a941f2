package json

import (
	"bytes"
	"encoding/binary"

	"github.com/sealmesh/sealmesh/codec"
)

// nameThenColon is how the end of a member name looks to a little-endian load.
const nameThenColon = '"' | ':'<<8

// quickName is the length in bytes of the longest name that a [nameTable]
// knows.
const quickName = 63

// A nameTable says at which member names skipMembers must stop. The index is
// the first byte of a name, a quote for the empty name. Bit n is set if
// skipMembers must stop at names of n bytes that begin with it.
type nameTable [256]uint64

// nameTables are for a container in which no name counts, in which rules look
// for names, which is watched, and for one that is both. A set bit
// is only a hint: notable decides.
type nameTables [4]nameTable

const (
	ruleNames    = 1
	watchedNames = 2
)

// newNameTables makes the tables for the names and the guard of s.
func newNameTables(s *codec.Selector) *nameTables {
	t, g := new(nameTables), s.Guard()
	for _, n := range s.Names() {
		if len(n) <= quickName {
			t[ruleNames][(n + `"`)[0]] |= 1 << len(n)
		}
	}
	if g.Patch {
		for _, names := range patchNames {
			for _, n := range names {
				t[watchedNames][n[0]] |= 1 << len(n)
				t[watchedNames][n[0]&^0x20] |= 1 << len(n)
			}
		}
	}
	if g.Method {
		t[watchedNames][methodName[0]] |= 1 << len(methodName)
	}
	var long uint64 // names that may hold an envelope
	if g.Envelope != nil {
		long = ^uint64(1<<codec.HeadLen - 1)
	}
	for c := range t[0] {
		if s.Folds() { // the first byte and the length may differ
			t[ruleNames][c] = ^uint64(0)
			if g.Patch || g.Method {
				t[watchedNames][c] = ^uint64(0)
			}
		}
		t[0][c] |= long
		t[ruleNames][c] |= long
		t[watchedNames][c] |= long
		t[ruleNames|watchedNames][c] = t[ruleNames][c] | t[watchedNames][c]
	}
	return t
}

// of returns the table for the names of a container.
func (t *nameTables) of(f frame) *nameTable {
	return &t[f/liveFrame&ruleNames|f/(watchFrame/watchedNames)&watchedNames]
}

// skipMembers reads members of the innermost object fast, while they are of the
// kind that most bodies consist of: a name without escapes that no rule uses, a
// scalar and a comma, with no blanks but one after the colon and any after the
// comma. p[i] begins a name. It returns where it stopped and what comes there:
// another name, the value of a name that it read, or what follows such a value.
//
// Loads are written p[at:at+8] after a check of at <= len(p)-8, which costs one
// compare. p[at:] would put three more steps between the end of one string and
// the first byte of the next.
func (s *scanner) skipMembers(p []byte, i int, in frame, depth int) (int, grammarState) {
	s.in, s.depth = in, depth
	lengths, longest := &s.tables[0], quickName
	if in&(liveFrame|watchFrame) != 0 {
		lengths, longest = s.tables.of(in), min(longest, s.limits.NameBytes)
	}
	s.step = codec.AnyStep
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
			if end = stringEnd(p, at); end-at > cleanString && refuses(s.guard, p[at:end]) {
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

// lettersEnd returns the index of the quote that ends the name that begins at
// p[i], or 0 where the chunk cuts the name, or it is malformed or has escapes.
func lettersEnd(p []byte, i int) int {
	end := stringEnd(p, i)
	if end == 0 || bytes.IndexByte(p[i:end], '\\') >= 0 {
		return 0
	}
	return end - 1
}

// The literals as a little-endian load sees them.
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

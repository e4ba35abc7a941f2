package csv

import (
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// skipFields reads fields that no rule owns, from p[i] in a field
// without quotes that began in this piece. It stops, without consuming it, at
// the first byte that needs the full scanner. State is copied to locals so that
// it stays in registers.
func (s *scanner) skipFields(p []byte, i int) int {
	d, stop, last := s.d, s.columns.stop(s.count), s.count-1
	at, start := s.at, int(s.start-s.base)
words:
	for i <= len(p)-8 {
		for hit := special(p[i:], d.stop); hit != 0; hit &= hit - 1 {
			k := i + bits.TrailingZeros64(hit)/8
			end := 0 // where reading continues, or 0
			switch d.plain[p[k]] {
			case plainByte:
				continue
			case delimiterByte:
				if at == last || !isShort(p, start, k) && s.suspect(p[start:k]) {
					break
				}
				if at, start = at+1, k+1; at == stop {
					return s.leaveSkip(at, start, start, atField)
				}
				continue
			case crByte, lfByte:
				if at == 0 && k == start {
					return s.leaveSkip(at, start, k, atLine)
				}
				if at != last || (p[k] == '\r') != (s.ends == endsCRLF) || !isShort(p, start, k) && s.suspect(p[start:k]) {
					break
				}
				if end = newLine(p, k); end > 0 {
					if s.err = s.tags.Record(s.base + int64(end-1)); s.err != nil {
						return -1
					}
					s.row++
					at, start, s.columns.next = 0, end, 0
					if stop = s.columns.stop(s.count); stop == 0 || !s.columns.continues(s.row) {
						return s.leaveSkip(at, start, start, atLine)
					}
				}
			case runeByte:
				if n := runeLen(p[k:], false); n > 0 {
					end = k + n
				}
			case quoteByte:
				if k == start {
					if end = quotedEnd(d, p, k); end == 0 {
						return s.leaveSkip(at, start, k, atField)
					}
				}
			}
			if end == 0 {
				return s.leaveSkip(at, start, k, inPlain)
			}
			i = end
			continue words
		}
		i += 8
	}
	return s.leaveSkip(at, start, i, between(at, start, i))
}

// between returns the state at index i, in field at, which begins at index
// start.
func between(at, start, i int) state {
	switch {
	case start < i:
		return inPlain
	case at > 0:
		return atField
	}
	return atLine
}

// leaveSkip notes where skipFields stopped.
func (s *scanner) leaveSkip(at, start, i int, next state) int {
	s.at, s.start, s.state = at, s.base+int64(start), next
	return i
}

// isShort reports whether the field p[start:end] has no room for an envelope,
// and does not end with a backslash.
func isShort(p []byte, start, end int) bool {
	return end-start < codec.HeadLen && (end == start || p[end-1] != '\\')
}

// suspect reports whether a field that is not short needs a closer look.
func (s *scanner) suspect(field []byte) bool {
	return field[len(field)-1] == '\\' && !s.d.backslash || s.watch.has(field)
}

// newLine returns the index after the line end that begins at p[i], or 0 where
// the piece cuts the line end, or it is none.
func newLine(p []byte, i int) int {
	if p[i] == '\r' {
		i++
	}
	if i == len(p) || p[i] != '\n' {
		return 0
	}
	return i + 1
}

// quotedEnd returns the index of what ends the field in quotes that begins at
// p[i], or 0 where the piece cuts the field, or it needs the full scanner.
func quotedEnd(d *dialect, p []byte, i int) int {
	begin := i
	for i++; i <= len(p)-8; {
		hit := special(p[i:], '"'*ones)
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		n := 1
		switch d.quoted[p[i]] {
		case quoteByte:
			if p[i-1] == '\\' && i > begin+1 && !d.backslash || i+1 == len(p) {
				return 0
			}
			if n = 2; p[i+1] != '"' {
				if c := d.plain[p[i+1]]; c == delimiterByte || c == lfByte || c == crByte {
					return i + 1
				}
				return 0
			}
		case runeByte:
			if n = runeLen(p[i:], true); n == 0 {
				return 0
			}
		case badByte:
			return 0
		}
		i += n
	}
	return 0
}

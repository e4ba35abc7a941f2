package csv

import (
	"math/bits"

	"github.com/sealmesh/sealmesh/codec"
)

// skipFields reads fields of usual rows that no rule owns, from p[i] in a field
// without quotes that began in this chunk. It stops, without consuming it, at
// the first byte that needs the full scanner. State is copied to locals so that
// it stays in registers.
func (s *scanner) skipFields(p []byte, i int) int {
	d, stop, last := s.d, s.stop(), s.count-1
	at, start := s.at, int(s.start-s.base)
words:
	for i <= len(p)-8 {
		for hit := special(p[i:], d.stop); hit != 0; hit &= hit - 1 {
			k := i + bits.TrailingZeros64(hit)/8
			switch d.plain[p[k]] {
			case plainByte:
				continue
			case delimiterByte:
				if at == last || k > start && s.suspect(p, start, k) {
					return s.leaveSkip(at, start, k, inPlain)
				}
				if at, start = at+1, k+1; at == stop {
					return s.leaveSkip(at, start, start, atField)
				}
			case crByte, lfByte:
				if at == 0 && k == start {
					return s.leaveSkip(at, start, k, atLine)
				}
				end := k
				if p[k] == '\r' {
					end++
				}
				if at != last || s.columns.indexed || end == len(p) || p[end] != '\n' || k > start && s.suspect(p, start, k) {
					return s.leaveSkip(at, start, k, inPlain)
				}
				at, start, s.next = 0, end+1, 0
				if stop = s.stop(); stop == 0 {
					return s.leaveSkip(at, start, start, atLine)
				}
				if end > k {
					i = start
					continue words
				}
			case runeByte:
				n := runeLen(p[k:], false)
				if n == 0 {
					return s.leaveSkip(at, start, k, inPlain)
				}
				i = k + n
				continue words
			case quoteByte:
				end := 0
				if k == start {
					end = quotedEnd(d, p, k)
				}
				if end == 0 && k == start {
					return s.leaveSkip(at, start, k, atField)
				}
				if end == 0 {
					return s.leaveSkip(at, start, k, inPlain)
				}
				i = end
				continue words
			default:
				return s.leaveSkip(at, start, k, inPlain)
			}
		}
		i += 8
	}
	switch {
	case start < i:
		return s.leaveSkip(at, start, i, inPlain)
	case at > 0:
		return s.leaveSkip(at, start, i, atField)
	}
	return s.leaveSkip(at, start, i, atLine)
}

// quotedEnd returns the index of what ends the field in quotes that begins at
// p[i], or 0 where the chunk cuts the field, or it needs the full scanner.
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

// suspect reports whether the field p[start:end], which is not empty, needs a
// closer look.
func (s *scanner) suspect(p []byte, start, end int) bool {
	return p[end-1] == '\\' && !s.d.backslash || end-start >= s.long && codec.HoldsEnvelope(p[start:end], s.guard.Envelope)
}

// leaveSkip notes where skipFields stopped: at index i of the chunk, in field
// at, which begins at index start.
func (s *scanner) leaveSkip(at, start, i int, next state) int {
	s.at, s.start, s.state = at, s.base+int64(start), next
	return i
}

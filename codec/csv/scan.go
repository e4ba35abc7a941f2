package csv

import "math/bits"

// scanPlain reads the rest of a field without quotes, and what ends it.
func (s *scanner) scanPlain(p []byte, i int) int {
	if i <= len(p)-8 && s.columns.known && s.start >= s.base && s.tags.Rule() < 0 && s.tail == (tail{}) {
		if i = s.skipFields(p, i); i < 0 || i == len(p) || s.state != inPlain {
			return i
		}
	}
	end := s.fieldEnd(p, i, &s.d.plain, s.d.stop)
	if end < 0 || end == len(p) {
		return end
	}
	switch s.d.plain[p[end]] {
	case quoteByte:
		return s.malformed(end, "a quote in a field without quotes")
	case badByte:
		return s.malformed(end, s.d.fault(p[end]))
	}
	return s.closeField(p, end)
}

// scanQuoted reads the rest of a field in quotes.
func (s *scanner) scanQuoted(p []byte, i int) int {
	end := s.fieldEnd(p, i, &s.d.quoted, '"'*ones)
	if end < 0 || end == len(p) {
		return end
	}
	if s.d.quoted[p[end]] == badByte {
		return s.malformed(end, s.d.fault(p[end]))
	}
	if s.base+int64(end) > s.start+1 && s.d.escapes(p, end, s.slash) {
		return s.malformed(end, slashDetail)
	}
	s.state = afterQuote
	if end++; end < len(p) {
		return s.endQuoted(p, end)
	}
	return end
}

// endQuoted reads the byte after a quote in a field in quotes.
func (s *scanner) endQuoted(p []byte, i int) int {
	switch s.d.plain[p[i]] {
	case quoteByte:
		s.doubled, s.state = true, inQuoted
		return i + 1
	case delimiterByte, lfByte, crByte:
		return s.closeField(p, i)
	}
	return s.malformed(i, "text behind the quote that ends a field")
}

// fieldEnd returns the index of the first byte from p[i] on that is neither
// plain nor part of a character outside ASCII. stop is as in [special].
func (s *scanner) fieldEnd(p []byte, i int, classes *[256]class, stop uint64) int {
	for ; s.tail != (tail{}); i++ {
		if i == len(p) {
			return i
		}
		if !s.tail.step(p[i]) {
			return s.malformed(i, utfDetail)
		}
	}
	for {
		for i <= len(p)-8 {
			hit := special(p[i:], stop)
			if hit == 0 {
				i += 8
				continue
			}
			if i += bits.TrailingZeros64(hit) / 8; classes[p[i]] != plainByte {
				break
			}
			i++
		}
		for i < len(p) && classes[p[i]] == plainByte {
			i++
		}
		if i == len(p) || classes[p[i]] != runeByte {
			return i
		}
		if n := runeLen(p[i:], s.quoted); n > 0 {
			i += n
			continue
		}
		end, ok := s.tail.read(p, i, s.quoted)
		if !ok {
			return s.malformed(end, utfDetail)
		}
		return end
	}
}

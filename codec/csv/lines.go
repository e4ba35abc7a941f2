package csv

import "github.com/sealmesh/sealmesh/codec"

// beginLine reads an empty line, or begins a row.
func (s *scanner) beginLine(p []byte, i int) int {
	switch s.d.plain[p[i]] {
	case crByte:
		s.blank, s.state = true, afterCR
		return i + 1
	case lfByte:
		if s.blank = true; !s.ends.take(endsLF) {
			return s.malformed(i, endsDetail)
		}
		return i + 1
	}
	if s.blank {
		return s.malformed(i, "an empty line before a row")
	}
	s.state, s.at = atField, 0
	if !s.first || !s.d.header {
		s.columns.enter(s.row, s.first)
	}
	return i
}

// beginField begins the field whose first byte is p[i], or which is empty.
func (s *scanner) beginField(p []byte, i int) int {
	switch {
	case s.first && s.at == maxColumns:
		return s.fail(codec.FieldLimit, i, "a row has more fields than the limit")
	case !s.first && s.at == s.count:
		return s.malformed(i, raggedDetail)
	}
	s.start, s.quoted, s.doubled = s.base+int64(i), false, false
	s.named = s.first && s.d.header && s.columns.sel != nil
	if rule := s.columns.take(s.at, s.first && s.d.header); rule >= 0 && !s.tags.Begin(rule, s.start) {
		return s.fail(codec.FieldLimit, i, fieldDetail)
	}
	s.state = inPlain
	if i < len(p) && s.d.plain[p[i]] == quoteByte {
		if s.behind && s.start == s.begun && !s.d.mark {
			return s.malformed(i, "a quote behind a byte order mark, which the setting bom allows")
		}
		s.state, s.quoted = inQuoted, true
		i++
	}
	return i
}

// closeField ends the field before p[i], which is a delimiter or begins a line
// end, and reads that.
func (s *scanner) closeField(p []byte, i int) int {
	end := s.d.plain[p[i]]
	if !s.quoted && s.base+int64(i) > s.start && s.d.escapes(p, i, s.slash) {
		return s.malformed(i, slashDetail)
	}
	if !s.endField(i, end != delimiterByte) {
		return -1
	}
	switch end {
	case delimiterByte:
		s.at++
		s.state = atField
	case crByte:
		s.state = afterCR
	default:
		if !s.ends.take(endsLF) {
			return s.malformed(i, endsDetail)
		}
		return s.endRow(i)
	}
	return i + 1
}

const endsDetail = "two kinds of line ends"

// endRow ends the row whose line end has p[i] for its last byte.
func (s *scanner) endRow(i int) int {
	s.state = atLine
	if !s.first && s.at+1 < s.count {
		return s.malformed(i, raggedDetail)
	}
	if s.err = s.tags.Record(s.base + int64(i)); s.err != nil {
		return -1
	}
	if !s.first {
		s.row++
		return i + 1
	}
	s.first, s.count = false, s.at+1
	s.columns.build(s.count)
	if s.foreign && s.count == 1 && s.columns.misses(0) {
		return s.malformed(i, "one column, and another delimiter than that of the setting delimiter")
	}
	if !s.d.header {
		s.row++
	}
	return i + 1
}

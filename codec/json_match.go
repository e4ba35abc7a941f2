package codec

import (
	"bytes"
	"cmp"
)

// Fixed words of errors that several places give.
const (
	valueDetail = "a tagged value is longer than the limit"
	nameDetail  = "a member name is longer than the limit"
	fieldDetail = "more tagged values than the limit"
	loneDetail  = "half a surrogate pair"
	nulDetail   = "NUL ends the name that a rule looks for"
)

// A span is where in the chunk being read a tagged value lies.
type span struct {
	start, end int // start is negative when an earlier chunk has the beginning
}

// A jsonMatch is the half of a scan that knows rules. It is asked only where
// a rule may still match. Its cursor descends into the live containers alone.
type jsonMatch struct {
	sel     *Selector // nil when there is nothing to match
	limits  Limits
	cursor  Cursor
	index   []int     // of the next element, one for each live array
	row     int       // the Selector's row for the next value; here for the root
	outlook           // for the innermost live container
	outer   []outlook // for those around it
	count   int       // tagged values so far

	tag      int   // rule of the tagged value being read, or -1
	tagStart int64 // its offset in the body
	tagText  bool  // it is a string
	carry    held  // what earlier chunks have of it

	nameStart int64 // offset of the member name being read, or -1
	name      held  // what earlier chunks have of it

	fields  []Field // the tagged values that end in this chunk
	spans   []span  // where
	scratch Output  // what had to be unescaped
}

// here is the row of the root, where the cursor starts.
const here = -1

func (s *jsonScan) begin(sel *Selector, limits Limits) {
	s.sel, s.limits, s.live = sel, limits, sel != nil
	s.tag, s.row, s.nameStart = -1, here, -1
	if sel == nil {
		sel = &nothing
	} else {
		s.cursor.Start(sel)
	}
	s.guard, s.tables = &sel.guard, &sel.tables
}

// nothing is what a scan that only validates takes names and guard from.
var nothing Selector

// beginValue is called where a value begins that a rule may own.
func (s *jsonScan) beginValue(i int, kind class) bool {
	if n := len(s.frames); n > 0 && s.frames[n-1]&objectFrame == 0 {
		s.row = s.nextElement()
	}
	rule := s.other
	switch s.row {
	case 0:
	case here:
		rule = s.cursor.owner()
	default:
		rule = s.cursor.look(s.row).other
	}
	if rule < 0 {
		return true
	}
	if s.count == s.limits.Fields {
		s.fail(FieldLimit, i, fieldDetail)
		return false
	}
	s.count++
	s.tag, s.tagStart, s.tagText = rule, s.base+int64(i), kind == stringValue
	return true
}

// enter reports whether a rule may own a value in the container that begins.
func (s *jsonScan) enter(kind class) bool {
	if s.tag >= 0 {
		return false
	}
	if s.row != here {
		s.cursor.descend(s.row)
	}
	if !s.cursor.Live() {
		s.cursor.Up()
		return false
	}
	if kind == arrayValue && len(s.sel.index) > 0 {
		s.index = append(s.index, 0)
	}
	s.outer = append(s.outer, s.outlook)
	s.outlook = s.cursor.look(0)
	return true
}

// nextElement counts the elements of the innermost array, where a rule asks for one.
func (s *jsonScan) nextElement() (row int) {
	if len(s.sel.index) == 0 {
		return 0
	}
	at := &s.index[len(s.index)-1]
	*at++
	return s.sel.indexRow(*at - 1)
}

// leave undoes enter.
func (s *jsonScan) leave(f frame) {
	if f&alikeFrame != 0 {
		return
	}
	s.cursor.Up()
	if f&objectFrame == 0 && len(s.sel.index) > 0 {
		s.index = s.index[:len(s.index)-1]
	}
	top := len(s.outer) - 1
	s.outlook, s.outer = s.outer[top], s.outer[:top]
}

// matchName takes the last piece of a member name, whose quote stands before
// chunk[end].
func (s *jsonScan) matchName(name []byte, end int) bool {
	defer s.name.drop()
	if s.name.len() > 0 {
		s.name.add(name)
		name = s.name.bytes()
	}
	at := int(s.nameStart - s.base)
	s.nameStart = -1
	if len(name) > s.limits.NameBytes {
		s.fail(NameLimit, at, nameDetail)
		return false
	}
	if s.escaped {
		plain, ok := unescape(s.scratch.tail(len(name)), name)
		if !ok && s.live {
			s.malformed(at, loneDetail)
			return false
		}
		if k := bytes.IndexByte(plain, 0); k >= 0 && s.live && s.sel.names.find(plain[:k]) != 0 {
			s.malformed(at, nulDetail)
			return false
		}
		name = plain
	}
	if s.live {
		s.row = s.sel.names.find(name)
	}
	return !s.watched() || s.notePatchName(name, end)
}

// longest returns the bound of a value that rule owns, in bytes.
func (s *jsonMatch) longest(rule int) int {
	return cmp.Or(s.sel.given[rule].Longest, s.limits.ValueBytes)
}

// found is called where a value ends, before chunk[end], that a rule might have owned.
func (s *jsonScan) found(end int) bool {
	if s.tag < 0 {
		return true
	}
	start := int(s.tagStart - s.base)
	f := Field{Rule: s.tag, Kind: Literal}
	s.tag = -1
	if end-start > s.longest(f.Rule) {
		s.fail(ValueLimit, start, valueDetail)
		return false
	}
	if start < 0 {
		s.carry.add(s.chunk[:end])
		f.Value = s.carry.bytes()
	} else {
		f.Value = s.chunk[start:end]
	}
	if s.tagText && !s.text(&f) {
		s.malformed(start, loneDetail)
		return false
	}
	s.fields = append(s.fields, f)
	s.spans = append(s.spans, span{start, end})
	return true
}

// text makes f a Text if it is to be one. It fails where no text has what f says.
func (s *jsonScan) text(f *Field) bool {
	inside := f.Value[1 : len(f.Value)-1]
	if s.escaped {
		rule := &s.sel.given[f.Rule]
		if !rule.Unescape && !(rule.Open && mayBeEnvelope(inside)) {
			return true
		}
		plain, ok := unescape(s.scratch.tail(len(inside)), inside)
		if !ok {
			return rule.Open // no envelope either
		}
		s.scratch.commit(plain)
		inside = plain
	}
	f.Kind, f.Value = Text, inside
	return true
}

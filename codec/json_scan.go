package codec

// A jsonState is what the grammar allows next, between two tokens.
type jsonState uint8

const (
	atValue        jsonState = iota // a value
	atFirstElement                  // a value or ]
	atFirstName                     // a name or }
	atName                          // a name
	atColon                         // :
	atNext                          // a comma, or what closes the container
	atEnd                           // blanks only
)

// A token is one that the last chunk left unfinished.
type token uint8

const (
	noToken token = iota
	nameToken
	stringToken
	numberToken
	literalToken
)

// A frame is one open container.
type frame uint8

const (
	arrayFrame  frame = 0
	objectFrame frame = 1
	liveFrame   frame = 2  // a rule may own one of its values
	alikeFrame  frame = 4  // and the cursor did not descend, since it would stand as before
	noFrame     frame = 8  // none: see open
	watchFrame  frame = 16 // part of a patch, if the body is one
)

// A jsonScan validates JSON, all of RFC 8259, and finds tagged values. Its fast
// path reads whole tokens inside a chunk; what a chunk cuts is read on byte by byte in
// json_resume.go. Methods that read take the index of the next byte and return it
// as it is afterwards, or -1 when err is set.
type jsonScan struct {
	chunk  []byte  // being read
	base   int64   // offset in the body of its first byte
	frames []frame // open containers
	state  jsonState
	live   bool // a rule may own the next value of the innermost container

	token  token // what the last chunk cut, and how far it came:
	part   partString
	number numberState
	rest   string // of true, false or null

	escaped bool // the last string has escapes

	guard   *Guard      // never nil
	tables  *nameTables // of names that members stops at
	in      frame       // where members reads
	depth   int         // and how deep
	spot    spotter     // of the string that the last chunk cut
	cut     bool        // it has come in pieces
	pending pending
	signs   patchSign

	jsonMatch
	err error
}

// scan reads one chunk.
func (s *jsonScan) scan(p []byte) error {
	s.chunk = p
	i := 0
	if s.token != noToken {
		i = s.resume(p)
	}
	for i >= 0 && i < len(p) {
		if len(s.frames) > 0 && (!s.live || s.other < 0) && s.pending == noPending {
			if i = s.skim(p, i); i == len(p) {
				break
			}
		}
		if isSpace[p[i]] { // where skim has not been
			i++
			continue
		}
		switch s.state {
		case atName, atFirstName:
			i = s.scanName(p, i)
		case atColon:
			if p[i] != ':' {
				i = s.malformed(i, "expected a colon")
				continue
			}
			i++
			s.state = atValue
		case atNext:
			i = s.scanNext(p, i)
		case atEnd:
			i = s.malformed(i, "expected nothing after the value")
		default:
			i = s.scanValue(p, i)
		}
	}
	s.chunk = nil
	if s.err == nil {
		s.base += int64(len(p))
		if s.tag >= 0 && s.base-s.tagStart > int64(s.longest(s.tag)) {
			s.fail(ValueLimit, int(s.tagStart-s.base), valueDetail)
		}
	}
	return s.err
}

// scanName reads a member name, or the end of an object without members.
func (s *jsonScan) scanName(p []byte, i int) int {
	if p[i] != '"' {
		if p[i] == '}' && s.state == atFirstName {
			return s.closeContainer(i)
		}
		return s.malformed(i, "expected a member name")
	}
	i++
	if s.named() {
		s.nameStart = s.base + int64(i)
	}
	end, escaped, why := scanString(p, i)
	s.escaped = escaped
	switch why {
	case stopBad:
		return s.malformed(end, stringFault(p[end]))
	case stopMore:
		return s.cutString(p, i, end, nameToken)
	}
	if !s.endName(p[i:end-1], end) {
		return -1
	}
	s.state = atColon
	if end < len(p) && p[end] == ':' {
		s.state = atValue
		end++
	}
	return end
}

// scanValue reads a scalar, or opens a container.
func (s *jsonScan) scanValue(p []byte, i int) int {
	c := p[i]
	if c == ']' && s.state == atFirstElement {
		return s.closeContainer(i)
	}
	kind := valueClass[c]
	if kind == noValue {
		return s.malformed(i, "expected a value")
	}
	if len(s.frames) == 0 && !s.guard.Root.takes(kind) {
		return s.fail(WrongRoot, i, rootDetail)
	}
	if s.live && !s.beginValue(i, kind) {
		return -1
	}
	switch kind {
	case stringValue:
		end, escaped, why := scanString(p, i+1)
		s.escaped = escaped
		switch why {
		case stopBad:
			return s.malformed(end, stringFault(p[end]))
		case stopMore:
			return s.cutString(p, i+1, end, stringToken)
		}
		if !s.endText(p[i+1:end-1], end) {
			return -1
		}
		return s.endScalar(p, end)
	case objectValue, arrayValue:
		return s.openContainer(i, kind)
	}
	s.pending = noPending
	if kind == numberValue {
		return s.scanNumber(p, i, numberStart)
	}
	return s.scanLiteral(p, i+1, literalRest(c))
}

// scanNext reads a comma or what closes the container.
func (s *jsonScan) scanNext(p []byte, i int) int {
	next, _ := innermost(s.frames)
	switch {
	case p[i] == ',':
		s.state = next
		return i + 1
	case p[i] == closer[next]:
		return s.closeContainer(i)
	case next == atName:
		return s.malformed(i, "expected a comma or }")
	}
	return s.malformed(i, "expected a comma or ]")
}

// openContainer enters the object or array that begins at p[i].
func (s *jsonScan) openContainer(i int, kind class) int {
	if len(s.frames) == s.limits.Depth {
		return s.fail(TooDeep, i, "arrays and objects are nested deeper than the limit")
	}
	f, next := arrayFrame, atFirstElement
	if kind == objectValue {
		f, next = objectFrame, atFirstName
	}
	s.live = s.live && s.enter(kind)
	if s.live {
		f |= liveFrame
	}
	f |= s.watch(kind, s.frames)
	s.pending = noPending
	s.frames = append(s.frames, f)
	s.state = next
	return i + 1
}

// closeContainer leaves the container whose last byte is p[i].
func (s *jsonScan) closeContainer(i int) int {
	top := len(s.frames) - 1
	if s.live {
		s.leave(s.frames[top])
	}
	s.frames = s.frames[:top]
	s.live = top == 0 && s.sel != nil || top > 0 && s.frames[top-1]&liveFrame != 0
	return s.endValue(i + 1)
}

// endValue is called when a value of any kind is complete.
func (s *jsonScan) endValue(end int) int {
	s.state = atNext
	if len(s.frames) == 0 {
		s.state = atEnd
	}
	if s.live && !s.found(end) {
		return -1
	}
	return end
}

// endScalar is endValue for a scalar inside a chunk: it takes a comma with it.
func (s *jsonScan) endScalar(p []byte, end int) int {
	end = s.endValue(end)
	if end >= 0 && end < len(p) && p[end] == ',' && s.state == atNext {
		return s.scanNext(p, end)
	}
	return end
}

// scanNumber reads a number on from p[i].
func (s *jsonScan) scanNumber(p []byte, i int, from numberState) int {
	end, at, why := scanNumber(p, i, from)
	switch why {
	case stopBad:
		return s.malformed(end, "not a number of RFC 8259")
	case stopMore:
		s.token, s.number = numberToken, at
		return end
	}
	return s.endScalar(p, end)
}

// scanLiteral reads the rest of true, false or null from p[i].
func (s *jsonScan) scanLiteral(p []byte, i int, rest string) int {
	for k := range len(rest) {
		if i == len(p) {
			s.token, s.rest = literalToken, rest[k:]
			return i
		}
		if p[i] != rest[k] {
			return s.malformed(i, "expected true, false or null")
		}
		i++
	}
	return s.endScalar(p, i)
}

func literalRest(c byte) string {
	switch c {
	case 't':
		return "rue"
	case 'f':
		return "alse"
	}
	return "ull"
}

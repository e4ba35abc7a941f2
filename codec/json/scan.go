package json

import "github.com/sealmesh/sealmesh/codec"

// scan reads one piece, after which err says whether the body is still good.
func (s *scanner) scan(p []byte) error {
	i := 0
	if s.token != noToken {
		i = s.resume(p)
	}
	for i >= 0 && i < len(p) {
		if len(s.frames) > 0 && (!s.live || s.below.Rule < 0) && s.patch.pending == noPending {
			if i = s.skipUnmatched(p, i); i == len(p) {
				break
			}
		}
		if isSpace[p[i]] { // skipUnmatched has not read it
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
	if s.err == nil {
		s.base += int64(len(p))
	}
	return s.err
}

// scanName reads a member name, or the end of an empty object.
func (s *scanner) scanName(p []byte, i int) int {
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
func (s *scanner) scanValue(p []byte, i int) int {
	c := p[i]
	if c == ']' && s.state == atFirstElement {
		return s.closeContainer(i)
	}
	kind := valueClass[c]
	if kind == noValue {
		return s.malformed(i, "expected a value")
	}
	if len(s.frames) == 0 && !takes(s.root, kind) {
		return s.fail(codec.WrongRoot, i, rootDetail)
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
	s.patch.pending = noPending
	if kind == numberValue {
		return s.scanNumber(p, i, numberStart)
	}
	return s.scanLiteral(p, i+1, literalRest(c))
}

// scanNext reads a comma or the end of the container.
func (s *scanner) scanNext(p []byte, i int) int {
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

// openContainer enters the object or array whose first byte is p[i].
func (s *scanner) openContainer(i int, kind class) int {
	if len(s.frames) == s.limits.Depth {
		return s.fail(codec.TooDeep, i, "arrays and objects are nested deeper than the limit")
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
	s.patch.pending = noPending
	s.frames = append(s.frames, f)
	s.state = next
	return i + 1
}

// closeContainer leaves the container whose last byte is p[i].
func (s *scanner) closeContainer(i int) int {
	top := len(s.frames) - 1
	if s.live {
		s.leave(s.frames[top])
	}
	s.frames = s.frames[:top]
	s.live = top == 0 && s.sel != nil || top > 0 && s.frames[top-1]&liveFrame != 0
	return s.endValue(i + 1)
}

// endValue notes that a value of any kind is complete.
func (s *scanner) endValue(end int) int {
	s.state = atNext
	if len(s.frames) == 0 {
		s.state = atEnd
	}
	if s.live && !s.found(end) {
		return -1
	}
	return end
}

// endScalar is endValue for a scalar inside a chunk. It also reads the comma
// that follows.
func (s *scanner) endScalar(p []byte, end int) int {
	end = s.endValue(end)
	if end >= 0 && end < len(p) && p[end] == ',' && s.state == atNext {
		return s.scanNext(p, end)
	}
	return end
}

// scanNumber reads a number, or the rest of a number, from p[i].
func (s *scanner) scanNumber(p []byte, i int, from numberState) int {
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
func (s *scanner) scanLiteral(p []byte, i int, rest string) int {
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

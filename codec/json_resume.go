package codec

// resume reads on in the token that the last chunk cut.
func (s *jsonScan) resume(p []byte) int {
	t := s.token
	if len(p) == 0 {
		return 0
	}
	s.token = noToken
	switch t {
	case numberToken:
		return s.scanNumber(p, 0, s.number)
	case literalToken:
		return s.scanLiteral(p, 0, s.rest)
	}
	return s.resumeString(p, t)
}

// resumeString reads byte by byte up to the next character, then fast.
func (s *jsonScan) resumeString(p []byte, t token) int {
	i := 0
	for s.part != (partString{}) {
		if i == len(p) {
			s.token = t
			if !s.keepPiece(p, t) {
				return -1
			}
			return i
		}
		if !s.part.step(p[i]) {
			return s.malformed(i, stringFault(p[i]))
		}
		i++
	}
	end, escaped, why := scanString(p, i)
	s.escaped = s.escaped || escaped
	switch why {
	case stopBad:
		return s.malformed(end, stringFault(p[end]))
	case stopMore:
		return s.cutString(p, 0, end, t)
	}
	if t == stringToken {
		if !s.endText(p[:end-1], end) {
			return -1
		}
		return s.endScalar(p, end)
	}
	if !s.endName(p[:end-1], end) {
		return -1
	}
	s.state = atColon
	return end
}

// cutString remembers a string whose inside begins at p[start] and of which
// everything from p[cut] has to be read byte by byte, because the chunk ends.
func (s *jsonScan) cutString(p []byte, start, cut int, t token) int {
	s.part = partString{}
	for i, c := range p[cut:] {
		if !s.part.step(c) {
			return s.malformed(cut+i, stringFault(c))
		}
		s.escaped = s.escaped || c == '\\'
	}
	s.token = t
	if !s.keepPiece(p[start:], t) {
		return -1
	}
	return len(p)
}

// complete ends the body.
func (s *jsonScan) complete() error {
	if s.token == numberToken && s.number.complete() {
		s.token = noToken
		s.endValue(0)
	}
	switch {
	case s.err != nil:
	case s.state == atEnd:
	case s.state == atValue && s.token == noToken && len(s.frames) == 0:
		s.malformed(0, "the body is empty")
	default:
		s.fail(Truncated, 0, "the body ends before its value does")
	}
	return s.err
}

// malformed records that p[i] cannot stand where it does.
func (s *jsonScan) malformed(i int, detail string) int { return s.fail(Malformed, i, detail) }

// fail records the first error. Where a value or a name has outgrown its limit
// already, that is the error: cut finer, the body would have failed there.
func (s *jsonScan) fail(code Code, i int, detail string) int {
	at := s.base + int64(i)
	switch {
	case s.tag >= 0 && at-s.tagStart > int64(s.longest(s.tag)):
		code, at, detail = ValueLimit, s.tagStart, valueDetail
	case s.nameStart >= 0 && at-s.nameStart > int64(s.limits.NameBytes):
		code, at, detail = NameLimit, s.nameStart, nameDetail
	}
	if s.err == nil {
		s.err = &Error{Format: "json", Code: code, Offset: at, Detail: detail}
	}
	return -1
}

func stringFault(c byte) string {
	switch {
	case c < ' ':
		return "a control character in a string must be escaped"
	case c >= 0x80:
		return "a string is not UTF-8"
	}
	return "not an escape sequence, or a string that is not UTF-8"
}

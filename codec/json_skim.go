package codec

// skim reads on fast through whole tokens that no rule has an interest in, and stops
// before any other: one that the chunk cuts, that is malformed, that a rule names,
// that begins or ends what a rule looks into. It decides nothing: what it stops at is
// read again by the methods that can, and they would have read all of it to
// the same end. It works on copies of the state, which then stay in registers.
func (s *jsonScan) skim(p []byte, i int) int {
	if len(s.frames) == 0 || s.live && s.other >= 0 {
		return i
	}
	state, live, frames := s.state, s.live, s.frames
	next := afterComma(frames)
scan:
	for i < len(p) {
		c := p[i]
		if isSpace[c] {
			i++
			continue
		}
		switch state {
		case atNext:
			if c == ',' {
				i, state = i+1, next
				continue
			}
			top := len(frames) - 1
			if live || top == 0 || c != closer[frames[top]] || s.tag >= 0 && frames[top-1]&liveFrame != 0 {
				break scan
			}
			frames = frames[:top]
			live, next = frames[top-1]&liveFrame != 0, afterComma(frames)
			i++
		case atName, atFirstName:
			if c == '}' && state == atFirstName {
				state = atNext
				continue
			}
			end := stringEnd(p, i, live)
			if end == 0 || live && (end-i-2 > s.limits.NameBytes || s.sel.names.find(p[i+1:end-1]) != 0) {
				break scan
			}
			s.row = 0
			i, state = end, atColon
			if i < len(p) && p[i] == ':' {
				i, state = i+1, atValue
			}
		case atColon:
			if c != ':' {
				break scan
			}
			i, state = i+1, atValue
		case atValue, atFirstElement:
			if live && (s.row != 0 || next == atValue && len(s.sel.index) > 0) {
				break scan // it is named, or elements are counted
			}
			end := 0
			switch valueClass[c] {
			case stringValue:
				end = stringEnd(p, i, false)
			case numberValue:
				end = numberEnd(p, i)
			case literalValue:
				end = literalEnd(p, i)
			case objectValue, arrayValue:
				if live && !s.hollow || len(frames) == s.limits.Depth {
					break scan
				}
				state, next, live = atFirstElement, atValue, false
				f := arrayFrame
				if c == '{' {
					f, state, next = objectFrame, atFirstName, atName
				}
				frames = append(frames, f)
				i++
				continue
			default:
				if c == ']' && state == atFirstElement {
					state = atNext
					continue
				}
			}
			if end == 0 {
				break scan
			}
			i, state = end, atNext
			if i < len(p) && p[i] == ',' {
				i, state = i+1, next
			}
		default:
			break scan
		}
	}
	s.state, s.live, s.frames = state, live, frames
	return i
}

// closer is the byte that ends a container.
var closer = [...]byte{
	arrayFrame: ']', objectFrame: '}', arrayFrame | liveFrame: ']', objectFrame | liveFrame: '}',
}

// afterComma is the state after a comma in the innermost container.
func afterComma(frames []frame) jsonState {
	if frames[len(frames)-1]&objectFrame != 0 {
		return atName
	}
	return atValue
}

// stringEnd returns the index after the string that begins at p[i], or 0 when the chunk cuts
// it, it is malformed, or it is not plain although it has to be.
func stringEnd(p []byte, i int, plain bool) int {
	if p[i] != '"' {
		return 0
	}
	i = plainRun(p, i+1)
	if i < len(p) && p[i] == '"' {
		return i + 1
	}
	end, escaped, why := scanString(p, i)
	if why != stopEnd || plain && escaped {
		return 0
	}
	return end
}

// numberEnd is stringEnd for a number.
func numberEnd(p []byte, i int) int {
	end, _, why := scanNumber(p, i, numberStart)
	if why != stopEnd {
		return 0
	}
	return end
}

// literalEnd is stringEnd for true, false and null.
func literalEnd(p []byte, i int) int {
	rest := literalRest(p[i])
	end := i + 1 + len(rest)
	if end > len(p) || string(p[i+1:end]) != rest {
		return 0
	}
	return end
}

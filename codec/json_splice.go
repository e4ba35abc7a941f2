package codec

// roomFor is how much of the owned block a Transform is offered for a value of n
// bytes: an envelope is 4/3 of it and a few hundred bytes, and more with a record
// in it, as the last ones have shown. For a long value, which may well be kept, the
// Transform takes what it needs.
func roomFor(n, more int) int {
	if n > maxBlock {
		n = 0
	}
	return 2*n + 1024 + more
}

// splice writes out what the chunk p becomes, up to the first byte that must wait.
func (w *jsonWriter) splice(out *Output, p []byte) error {
	out.expect(len(p), len(w.spans))
	base := w.base - int64(len(p))
	from := 0
	for k, at := range w.spans {
		start := max(at.start, 0)
		out.add(p[from:start])
		from = start
		kept, err := w.replace(out, k, base+int64(at.start))
		switch {
		case err != nil:
			return err
		case !kept:
			from = at.end
		case at.start < 0:
			out.put(w.carry.bytes())
			from = at.end
		}
		if at.start < 0 {
			w.carry.drop()
		}
	}
	w.forget()
	hold := len(p)
	if w.tag >= 0 {
		hold = max(int(w.tagStart-base), 0)
	}
	out.add(p[from:hold])
	w.carry.add(p[hold:])
	return nil
}

// replace asks the Transform what takes the place of field k, and writes that out,
// unless the value is kept.
func (w *jsonWriter) replace(out *Output, k int, offset int64) (kept bool, err error) {
	batch := w.fields[k:]
	// The quote goes first, because nearly every replacement is text.
	n := len(batch[0].Value)
	room := append(out.tail(roomFor(n, w.more)), '"')
	got, kind, err := w.transform(room[1:], batch)
	if !inPlace(room, got) {
		out.adopt(got)
		if n <= maxBlock {
			w.more = min(max(w.more, cap(got)-2*n), maxHint)
		}
	}
	if err != nil {
		return false, err
	}
	switch kind {
	case Keep:
		return true, nil
	case Text:
		if putText(out, room, got) {
			return false, nil
		}
		return false, wrongKind(offset, "the text is not UTF-8")
	case Literal:
		if w.oneValue(got) {
			if inPlace(room, got) {
				got = room[:copy(room[:len(got)], got)]
			}
			out.commit(got)
			return false, nil
		}
		return false, wrongKind(offset, "the literal is not one JSON value")
	}
	return false, wrongKind(offset, "JSON has no binary values")
}

func wrongKind(offset int64, detail string) error {
	return &Error{Format: "json", Code: WrongKind, Offset: offset, Detail: detail}
}

// putText writes text out between quotes. The first is in room, which text
// follows unless it outgrew it.
func putText(out *Output, room, text []byte) bool {
	plain, valid := plainText(text)
	switch {
	case !valid:
		return false
	case !plain:
		moved := GetBuffer(len(text))
		*moved = append(*moved, text...)
		if n := escapedLen(text) + len(`""`); cap(room) < n {
			room = append(out.tail(n), '"') // append would leave text behind where it grew
		}
		out.commit(append(appendEscaped(room, *moved), '"'))
		PutBuffer(moved)
	case inPlace(room, text):
		out.commit(append(room[:1+len(text)], '"'))
	default:
		out.commit(room)
		out.commit(text)
		out.put(quote)
	}
	return true
}

var quote = []byte{'"'}

// inPlace reports whether text still lies behind the one byte of room.
func inPlace(room, text []byte) bool {
	return len(text) == 0 || len(text) < cap(room) && &room[:2][1] == &text[0]
}

// oneValue reports whether b is one JSON value and nothing else. It keeps a literal
// from ending its value early and adding members of its own.
func (w *jsonWriter) oneValue(b []byte) bool {
	if len(b) == 0 || isSpace[b[0]] || isSpace[b[len(b)-1]] {
		return false
	}
	check := getJSON(nil, nil, Limits{Depth: w.limits.Depth})
	defer check.Free()
	return check.scan(b) == nil && check.complete() == nil
}

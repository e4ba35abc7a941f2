package codec

import "bytes"

// A spotter looks for an envelope in a string that comes in pieces or has
// escapes, byte by byte. The zero value is at the beginning of a string.
type spotter struct {
	text   [HeadLen]byte // what may be an envelope's head, unescaped
	n      int           // bytes of it
	escape bool          // after a backslash
	hex    uint8         // hex digits still to come
	code   rune          // what those before say
	found  bool
}

// next reads the next piece of a string, whose middle it looks at fast.
func (w *spotter) next(g *Guard, piece []byte) {
	const enough = 4 * HeadLen
	if len(piece) < enough || hidesText(piece) {
		w.add(g, piece)
		return
	}
	w.add(g, piece[:HeadLen])
	// What begins behind a byte that is no backslash begins no escape in its middle,
	// but for hex digits, with which no envelope begins.
	tail := len(piece) - HeadLen
	for tail > 0 && piece[tail-1] == '\\' {
		tail--
	}
	*w = spotter{found: w.found || HoldsEnvelope(piece, g.Envelope)}
	w.add(g, piece[tail:])
}

func (w *spotter) add(g *Guard, piece []byte) {
	for _, c := range piece {
		switch {
		case w.hex > 0:
			w.code = w.code<<4 | hexDigit(c)
			if w.hex--; w.hex == 0 {
				w.char(g, byte(min(w.code, 0x80)))
				w.code = 0
			}
		case w.escape:
			w.escape = false
			if c == 'u' {
				w.hex = 4
			} else {
				w.char(g, 0) // no character of an envelope has a short escape
			}
		case c == '\\':
			w.escape = true
		default:
			w.char(g, c)
		}
	}
}

// char reads one character; of those past ASCII any byte will do.
func (w *spotter) char(g *Guard, c byte) {
	switch {
	case w.n < len(envelopePrefix):
		if c != envelopePrefix[w.n] {
			w.n = 0
		}
		if c == envelopePrefix[w.n] {
			w.push(c)
		}
	case c == '.' && bytes.HasSuffix(w.text[:w.n], []byte(envelopePrefix[:3])):
		w.n = copy(w.text[:], envelopePrefix)
	case !isBase64URL(c):
		w.n = 0
	default:
		w.push(c)
		if w.n == HeadLen {
			w.found = w.found || g.Envelope(w.text[:])
			w.restart()
		}
	}
}

func (w *spotter) push(c byte) {
	w.text[w.n] = c
	w.n++
}

// restart begins again with as much of the prefix as the text ends with.
func (w *spotter) restart() {
	for k := len(envelopePrefix) - 1; k >= 0; k-- {
		if bytes.HasSuffix(w.text[:w.n], []byte(envelopePrefix[:k])) {
			w.n = copy(w.text[:], envelopePrefix[:k])
			return
		}
	}
}

func isBase64URL(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}

func hexDigit(c byte) rune {
	if c <= '9' {
		return rune(c - '0')
	}
	return rune((c | 0x20) - 'a' + 10)
}

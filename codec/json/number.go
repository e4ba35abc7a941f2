package json

// A numberState is the last part of a number that was read (RFC 8259 §6).
type numberState uint8

const (
	numberStart numberState = iota
	numberMinus             // -
	numberZero              // a leading zero: no digit may follow
	numberInt               // digits before the point
	numberDot               // .
	numberFrac              // digits after it
	numberE                 // e or E
	numberSign              // its sign
	numberExp               // digits of the exponent
	numberBad
)

// complete reports whether the number may end here.
func (s numberState) complete() bool {
	return s == numberZero || s == numberInt || s == numberFrac || s == numberExp
}

// afterDigit is the state after one digit other than a leading zero.
var afterDigit = [...]numberState{
	numberStart: numberInt, numberMinus: numberInt, numberZero: numberBad, numberInt: numberInt,
	numberDot: numberFrac, numberFrac: numberFrac,
	numberE: numberExp, numberSign: numberExp, numberExp: numberExp,
}

// scanNumber reads a number from p[i] in state s. It stops at the first byte
// that is no part of the number (stopEnd), at the end of the chunk (stopMore)
// or at an offending byte (stopBad).
func scanNumber(p []byte, i int, s numberState) (int, numberState, stop) {
	for i < len(p) {
		next := numberBad
		switch c := p[i]; {
		case c == '0' && s <= numberMinus:
			next = numberZero
		case c-'0' <= 9:
			next = afterDigit[s]
			for next != numberBad && i+1 < len(p) && p[i+1]-'0' <= 9 {
				i++
			}
		case c == '-' && s == numberStart:
			next = numberMinus
		case c == '.' && (s == numberZero || s == numberInt):
			next = numberDot
		case c|0x20 == 'e' && s.complete() && s != numberExp:
			next = numberE
		case (c == '+' || c == '-') && s == numberE:
			next = numberSign
		case s.complete():
			return i, s, stopEnd
		}
		if next == numberBad {
			return i, s, stopBad
		}
		i, s = i+1, next
	}
	return i, s, stopMore
}

package xml

// longestReference is the length of the longest reference in bytes. The longest
// that means something without leading zeros is &#1114111;.
const longestReference = 32

// scanReference reads the reference that p starts with: one of the five
// entities, or a character. It returns its length and the character, or the
// index of the offending byte.
func scanReference(p []byte) (n int, r rune, why stop) {
	if len(p) < 2 {
		return 0, 0, stopMore
	}
	if p[1] == '#' {
		return scanNumber(p)
	}
	for k := 1; ; k++ {
		switch {
		case k == len(p):
			return 0, 0, stopMore
		case p[k] == ';':
			if r = entity(string(p[1:k])); r == 0 {
				return k, 0, stopBad
			}
			return k + 1, r, stopEnd
		case p[k]-'a' > 'z'-'a' || k > len("quot"):
			return k, 0, stopBad
		}
	}
}

// entity returns the character that an entity stands for, 0 if it is not known.
func entity(name string) rune {
	switch name {
	case "amp":
		return '&'
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	return 0
}

// scanNumber is scanReference for &#…; and &#x…;
func scanNumber(p []byte) (n int, r rune, why stop) {
	k, base := 2, rune(10)
	if k < len(p) && p[k] == 'x' {
		k, base = 3, 16
	}
	first := k
	for ; ; k++ {
		if k == len(p) {
			return 0, 0, stopMore
		}
		if p[k] == ';' {
			if k == first || !legal(r) {
				return k, 0, stopBad
			}
			return k + 1, r, stopEnd
		}
		d := digit(p[k])
		if d >= base || k == longestReference {
			return k, 0, stopBad
		}
		r = min(r*base+d, 0x110000)
	}
}

// digit returns the value of a hex digit, 16 for any other byte.
func digit(c byte) rune {
	switch {
	case c-'0' <= 9:
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 16
}

// legal reports whether r is a character of XML 1.0.
func legal(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD:
		return true
	}
	return r >= 0x10000 && r <= 0x10FFFF
}

package xml

import "bytes"

// maxDeclaration is the length of the longest XML declaration, in bytes.
const maxDeclaration = 256

// validDeclaration reports whether b, what <?xml and ?> enclose, says XML 1.0
// in UTF-8.
func validDeclaration(b []byte) bool {
	d := declaration{b}
	if version, ok := d.value("version"); !ok || string(version) != "1.0" {
		return false
	}
	if encoding, ok := d.value("encoding"); ok && !bytes.EqualFold(encoding, []byte("UTF-8")) {
		return false
	}
	if standalone, ok := d.value("standalone"); ok && string(standalone) != "yes" && string(standalone) != "no" {
		return false
	}
	return len(bytes.Trim(d.rest, blanks)) == 0
}

const blanks = " \t\r\n"

// A declaration is the rest of an XML declaration.
type declaration struct{ rest []byte }

// value takes name = "value" off the rest. ok is false if the rest begins with
// something else.
func (d *declaration) value(name string) (value []byte, ok bool) {
	b := bytes.TrimLeft(d.rest, blanks)
	if len(b) == len(d.rest) || !bytes.HasPrefix(b, []byte(name)) {
		return nil, false
	}
	b = bytes.TrimLeft(b[len(name):], blanks)
	if len(b) == 0 || b[0] != '=' {
		return nil, false
	}
	if b = bytes.TrimLeft(b[1:], blanks); len(b) == 0 || b[0] != '"' && b[0] != '\'' {
		return nil, false
	}
	end := bytes.IndexByte(b[1:], b[0])
	if end < 0 {
		return nil, false
	}
	d.rest = b[1+end+1:]
	return b[1 : 1+end], true
}

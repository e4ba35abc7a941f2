package places

import (
	"bytes"

	"github.com/sealmesh/sealmesh/codec"
)

// Decode returns the text of raw, a value to seal as it stands in a place of
// kind k. It refuses a value that servers may read in two ways. With exact it
// also refuses a segment of a path whose text, written again, would not be raw:
// what is sealed must open as it was. name is for the error.
func (k Kind) Decode(name string, raw []byte, exact bool) ([]byte, error) {
	switch k {
	case Path:
		text, err := segmentText(string(raw))
		if err != nil || bytes.IndexByte(raw, ';') >= 0 {
			return nil, &Error{PathAmbiguous, k, name, "a delimiter, or a malformed escape"}
		}
		if detail := pathText(text); detail != "" {
			return nil, &Error{PathAmbiguous, k, name, detail}
		}
		if exact && !bytes.Equal(appendSegment(nil, text), raw) {
			return nil, &Error{PathAmbiguous, k, name, "not escaped as RFC 3986 has it"}
		}
		return text, nil
	case Header:
		if detail := headerText(raw); detail != "" {
			return nil, &Error{Ambiguous, k, name, detail}
		}
	}
	return raw, nil
}

// Append appends text, which was opened, as it is written in a place of kind k.
// It refuses text that would not be one value there. name is for the error.
func (k Kind) Append(dst, text []byte, name string) ([]byte, error) {
	detail := ""
	switch k {
	case Path:
		detail = pathText(text)
	case Header:
		detail = headerText(text)
	case Cookie:
		detail = cookieText(text)
	}
	if detail != "" {
		return dst, &Error{codec.WrongKind, k, name, detail}
	}
	if k == Path {
		return appendSegment(dst, text), nil
	}
	return append(dst, text...), nil
}

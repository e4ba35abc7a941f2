package protobuf

import "github.com/sealmesh/sealmesh/codec"

// encode returns got, which a Transform returned together with kind, as the
// content of a field of type string, or of type bytes if binary. fault says, in
// fixed words, why it cannot be one.
func (s *splicer) encode(got []byte, kind codec.Kind, binary bool) (content []byte, fault string) {
	switch kind {
	case codec.Text:
		if !binary && !validText(got) {
			return nil, "the text is not UTF-8"
		}
		return got, ""
	case codec.Literal:
		literal, ok := codec.LiteralText(s.scratch.Tail(len(got)), got)
		s.scratch.Commit(literal)
		if !ok || !validText(literal) {
			return nil, "the literal has no text"
		}
		return literal, ""
	case codec.Bytes:
		if !binary {
			return nil, "a string cannot have a binary value"
		}
		return got, ""
	}
	return nil, "the value is raw, of another format"
}

package xml

import "github.com/sealmesh/sealmesh/codec"

// isHead takes what begins with suite A for an envelope.
func isHead(text []byte) bool {
	for _, c := range text[len("sm1."):] {
		if !codec.EnvelopeChar(c) {
			return false
		}
	}
	return text[len("sm1.")] == 'A'
}

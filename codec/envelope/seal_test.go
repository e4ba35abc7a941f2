package envelope_test

import (
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// seal seals one value by a Sealer of its own.
func seal(dst []byte, h envelope.Header, c suite.Cipher, value, context []byte) ([]byte, error) {
	s, err := envelope.NewSealer(h, c)
	if err != nil {
		return dst, err
	}
	return s.Seal(dst, h.Kind, value, context)
}

// fieldContext is the field context of a tag and its pairs.
func fieldContext(tag string, pairs map[string]string) []byte {
	return envelope.NewFrame(tag, pairs).Context(nil)
}

package envelope_test

import (
	"encoding/base64"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
)

// rebuild returns the text of a short envelope whose binary form went through
// mutate.
func rebuild(t *testing.T, h envelope.Header, mutate func([]byte) []byte) []byte {
	t.Helper()
	text := envelope.Append(nil, h, make([]byte, suite.ByID(h.Suite).Overhead))
	bin, err := base64.RawURLEncoding.DecodeString(string(text[len(envelope.Prefix):]))
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.AppendEncode([]byte(envelope.Prefix), mutate(bin))
}

// nonZeroTail returns an envelope whose last character has bits to spare, of
// which one is set.
func nonZeroTail(t *testing.T) string {
	t.Helper()
	text := envelope.Append(nil, header(suite.AES256SIV, codec.Text, nil), make([]byte, 16)) // 34 bytes: 4 bits to spare
	if last := text[len(text)-1]; last != 'A' {
		t.Fatalf("the last character is %q", last)
	}
	text[len(text)-1] = 'B'
	return string(text)
}

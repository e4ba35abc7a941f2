package proxy

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errTargetEnvelope = errors.New("the path or the query holds an envelope, which no rule opens there")

// mayCarry refuses a target that holds an envelope where the bodies of the requests may hold
// none: a service that stores what a path or a query says would answer it opened.
func (r *route) mayCarry(target string) error {
	if r.request == nil || r.request.Envelopes == policy.EnvelopesAreData || !holdsEnvelope(target) {
		return nil
	}
	return refuse(codeEnvelope, errTargetEnvelope)
}

// decodings is how often a server may decode a target: once itself, once for a proxy before
// it, and once in the application.
const decodings = 3

// holdsEnvelope reports whether an envelope is in target, or is once that is decoded. It allocates
// nothing where there is no percent sign and no prefix of an envelope.
func holdsEnvelope(target string) bool {
	if len(target) < codec.HeadLen {
		return false
	}
	for range decodings {
		if strings.Contains(target, envelope.Prefix) && codec.HoldsEnvelope([]byte(target), envelope.IsHead) {
			return true
		}
		if strings.IndexByte(target, '%') < 0 {
			return false
		}
		target = unescapeLax(target)
	}
	return codec.HoldsEnvelope([]byte(target), envelope.IsHead)
}

// unescapeLax decodes as the laxest servers do: what is no escape stays, and %u0041 is A.
func unescapeLax(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		hex := 0 // where two digits may begin
		switch rest := s[i:]; {
		case len(rest) >= 6 && (rest[:4] == "%u00" || rest[:4] == "%U00"):
			hex = 4
		case len(rest) >= 3 && rest[0] == '%':
			hex = 1
		}
		if c, err := strconv.ParseUint(s[i+hex:min(i+hex+2, len(s))], 16, 8); hex > 0 && err == nil {
			b.WriteByte(byte(c))
			i += hex + 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

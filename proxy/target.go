package proxy

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

var errTargetEnvelope = errors.New("the path or the query holds an envelope, and no rule opens it there")

// checkTarget refuses a request target that holds an envelope which no rule
// takes, on routes whose request bodies may hold none. A service that stores a
// part of the target would send the envelope back in a response, which opens
// it.
func (r *route) checkTarget(target string) error {
	if r.request == nil || r.request.Envelopes == policy.EnvelopesAreData || !holdsEnvelope(target) {
		return nil
	}
	rest, err := r.untaken(target)
	if err == nil && holdsEnvelope(rest) {
		err = refuse(codeEnvelope, errTargetEnvelope)
	}
	return err
}

// untaken returns target without the values whose envelopes a rule takes.
func (r *route) untaken(target string) (string, error) {
	if r.request.beside == nil {
		return target, nil
	}
	spans, err := r.segments(target, r.request.beside[places.Path])
	var rest strings.Builder
	done := 0
	for _, s := range spans {
		if r.request.takes(s.Rule) {
			rest.WriteString(target[done:s.Begin])
			done = s.End
		}
	}
	rest.WriteString(target[done:])
	return rest.String(), err
}

// takes reports whether a rule takes envelopes.
func (p *plan) takes(rule int) bool {
	return p.Rules[rule].Open || p.Envelopes == policy.KeepEnvelopes
}

// decodings is how many times a target may be decoded: by a proxy, by the
// server and by the application.
const decodings = 3

// holdsEnvelope reports whether target holds an envelope, as it is or decoded.
// It does not allocate for a target without a percent sign and without the
// prefix of an envelope.
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

// unescapeLax decodes s as the laxest servers do: malformed escapes stay as
// they are, and %u0041 is A.
func unescapeLax(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		hex := 0 // where two hex digits may begin; 0: not an escape
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

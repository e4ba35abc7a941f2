package proxy

import (
	"mime"
	"strings"

	"github.com/sealmesh/sealmesh/codec/formats"
)

// foreign reports whether no codec reads bodies of the media type, whatever its
// parameters are. A value that is malformed, or that joins two types, is not
// foreign.
func foreign(contentType string) bool {
	name, _, err := mime.ParseMediaType(contentType)
	return err == nil && formats.Table().Detect(name).Format == nil
}

// passes reports whether the policy lets bodies of that type pass unread. It is
// false for two types in one value, which two servers may read differently. It
// is also false where a lax server could read a codec's format, unless the
// policy names the type in full.
func (p *plan) passes(contentType string) bool {
	name, _, err := mime.ParseMediaType(contentType)
	if err != nil || formats.Table().Detect(name).Format != nil {
		return false
	}
	_, params, _ := strings.Cut(contentType, ";")
	for _, t := range p.PassTypes {
		if t == name && !formats.Table().Resembles(params) ||
			strings.HasSuffix(t, "/*") && strings.HasPrefix(name, t[:len(t)-1]) && !formats.Table().Resembles(contentType) {
			return true
		}
	}
	return false
}

package proxy

import (
	"mime"
	"strings"

	"github.com/sealmesh/sealmesh/codec/formats"
)

// foreign returns the media type of a body that no codec reads under p, in
// lower case, whatever its parameters are. ok is false if a codec reads it, and
// for a value that is malformed or that joins two types, which two servers may
// read differently.
func (p *plan) foreign(contentType string) (media string, ok bool) {
	media, _, err := mime.ParseMediaType(contentType)
	f := formats.Table().Detect(media).Format
	return media, err == nil && (f == nil || p.Unread[f] != nil)
}

// passes reports whether the policy lets bodies of a foreign media type pass
// unread. It is false where a lax server could read a codec's format, unless
// the policy names the type in full.
func (p *plan) passes(media, contentType string) bool {
	_, params, _ := strings.Cut(contentType, ";")
	for _, t := range p.PassTypes {
		if t == media && !formats.Table().Resembles(params) ||
			strings.HasSuffix(t, "/*") && strings.HasPrefix(media, t[:len(t)-1]) && !formats.Table().Resembles(contentType) {
			return true
		}
	}
	return false
}

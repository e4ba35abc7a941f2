package proxy

import (
	"mime"
	"net/http"
	"net/url"
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

// checkConnect refuses a request of Connect by GET where rules of the request
// look for values in its body: its message is in the query, encoded, perhaps
// compressed, and is not read. Services take such requests for methods without
// side effects.
func checkConnect(m *message, p *plan) error {
	if p == nil || p.PlacesOnly || p.Reads() || m.method != http.MethodGet && m.method != http.MethodHead {
		return nil
	}
	if _, query, ok := strings.Cut(m.path, "?"); ok && hasConnectMessage(query) {
		return refuseFormat("a message of Connect in a query", nil)
	}
	return nil
}

// hasConnectMessage reports whether a query has what a request of Connect by
// GET must have: a message, and its encoding. Services may have codecs of their
// own; only those of protobuf and JSON can have values that rules find.
func hasConnectMessage(query string) bool {
	message, encoding := false, false
	for query != "" {
		i := strings.IndexAny(query, "&;")
		pair, rest := query, ""
		if i >= 0 {
			pair, rest = query[:i], query[i+1:]
		}
		name, value, _ := strings.Cut(pair, "=")
		switch name, _ = url.QueryUnescape(name); name {
		case "message":
			message = true
		case "encoding":
			e, err := url.QueryUnescape(value)
			e = strings.ToLower(e)
			encoding = encoding || err != nil || strings.HasPrefix(e, "proto") || strings.HasPrefix(e, "json")
		}
		query = rest
	}
	return message && encoding
}

package places

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Plain returns the name of a header in lower case, with hyphens for all
// characters that are neither letters nor digits. Gateway interfaces (CGI,
// WSGI) take names that are equal then for one: all do so for the underscore,
// PHP for the dot, lighttpd for every character.
func Plain(name string) string {
	plain := []byte(name)
	for i, c := range plain {
		plain[i] = plainByte(c)
	}
	return string(plain)
}

// IsHeader reports whether name is a spelling of plain, which [Plain] returned.
func IsHeader(name []byte, plain string) bool {
	if len(name) != len(plain) {
		return false
	}
	for i, c := range name {
		if plainByte(c) != plain[i] {
			return false
		}
	}
	return true
}

// plainByte returns c as Plain has it. A colon stays: it begins no header.
func plainByte(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	case isTokenByte(c) && (c < '0' || '9' < c && c < 'a' || 'z' < c):
		return '-'
	}
	return c
}

// reserved are the headers that cannot hold a tagged value, and why.
var reserved = []struct{ names, why string }{
	{"host", "it chooses the route"},
	{"content-length transfer-encoding te trailer connection keep-alive proxy-connection upgrade expect http2-settings", "it frames the message"},
	{"content-type content-encoding content-range content-location content-language content-disposition digest repr-digest want-digest accept-encoding range if-range accept-ranges",
		"it says how a body is read"},
	{"etag if-match if-none-match", "sealmesh corrects it where bodies change"},
	{"cookie cookie2 set-cookie set-cookie2", "write cookies for what it holds"},
	{"authorization proxy-authorization www-authenticate proxy-authenticate authentication-info", "servers read it before the application does"},
	{"x-original-url x-rewrite-url x-original-uri x-forwarded-uri x-forwarded-path x-matched-path x-invoke-path x-script-name x-waws-unencoded-url x-override-url x-http-path-override " +
		"x-http-method-override x-http-method x-method-override x-original-method x-forwarded-method " +
		"x-forwarded-host forwarded x-forwarded-server x-original-host x-host x-http-host-override", "some servers route by it, so that it is removed"},
	{"x-forwarded-proto", "Envoy sets it"},
	{"traceparent tracestate", "it names the trace of the exchange"},
}

// reservedPrefixes are beginnings of such names.
var reservedPrefixes = []struct{ prefix, why string }{
	{":", "it routes the message"},
	{"content-", "it says how a body is read"},
	{"grpc-", "it frames the message"},
	{"x-envoy-", "Envoy lets nobody change it"},
	{"x-sealmesh-", "it is sealmesh's own"},
}

// Reserved returns why a header cannot hold a tagged value, "" if it can. The
// name is one that [Plain] returned.
func Reserved(name string) string {
	for _, r := range reserved {
		for one := range strings.FieldsSeq(r.names) {
			if one == name {
				return r.why
			}
		}
	}
	for _, r := range reservedPrefixes {
		if strings.HasPrefix(name, r.prefix) {
			return r.why
		}
	}
	if !IsToken(name) {
		return "no header has such a name"
	}
	return ""
}

// IsToken reports whether name is a token (RFC 9110 section 5.6.2): the name of
// a header or of a cookie.
func IsToken(name string) bool {
	for i := range len(name) {
		if !isTokenByte(name[i]) {
			return false
		}
	}
	return name != ""
}

func isTokenByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// headerText returns what is wrong with text as the value of a header, "" for
// nothing. Readers cut spaces at the ends, and do not agree on bytes that are
// not ASCII: some read UTF-8, some Latin-1. Only characters that both can write
// are let in.
func headerText(text []byte) string {
	if !utf8.Valid(text) {
		return "not UTF-8"
	}
	if len(bytes.TrimSpace(text)) != len(text) {
		return "space at an end"
	}
	for _, c := range string(text) {
		switch {
		case c < ' ', 0x7f <= c && c < 0xa0:
			return "a control character"
		case c > 0xff:
			return "a character that is not Latin-1"
		}
	}
	return ""
}

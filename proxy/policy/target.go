package policy

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// ErrAmbiguousPath is returned for a path that two servers could read
// differently: a request could get around the route of one reading by the
// other.
var ErrAmbiguousPath = errors.New("match: the path can be read in two ways")

// ErrAmbiguousHost is returned for a host that two servers could read
// differently.
var ErrAmbiguousHost = errors.New("match: the host can be read in two ways")

// ErrTunnel is returned for CONNECT unless a route with skip names the method:
// rules do not reach the bytes in a tunnel.
var ErrTunnel = errors.New("match: CONNECT opens a tunnel that no route with skip names")

// inlineSegments is how many segments of a path need no allocation.
const inlineSegments = 32

// split appends the decoded segments of target to dst, without the query.
// target is in origin form (RFC 9112 section 3.2.1). A trailing slash is
// ignored, since a server may treat /a and /a/ alike. params reports whether a
// segment has parameters.
//
// split refuses what servers are known to read in different ways:
//   - empty and dot segments, also encoded, and also before parameters: Tomcat
//     reads /a/..;x as /a/..
//   - an encoded slash, backslash, ? or #: see CVE-2024-38474 of Apache's
//     mod_rewrite
//   - a bare # or space, and control characters
//   - bytes that are not UTF-8: a server may read an overlong form as a slash
//   - double encoding
//   - spaces at the ends of a segment, which some frameworks cut
func split(dst []string, target string) (segments []string, params bool, err error) {
	path, _, _ := strings.Cut(target, "?")
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || strings.IndexByte(path, ' ') >= 0 {
		return nil, false, ErrAmbiguousPath
	}
	if rest = strings.TrimSuffix(rest, "/"); rest == "" && path != "/" {
		return nil, false, ErrAmbiguousPath
	}
	for more := rest != ""; more; {
		var seg string
		if seg, rest, more = strings.Cut(rest, "/"); strings.IndexByte(seg, '%') >= 0 {
			if seg, err = url.PathUnescape(seg); err != nil {
				return nil, false, ErrAmbiguousPath
			}
		}
		name := seg
		if i := strings.IndexByte(seg, ';'); i >= 0 {
			name, params = seg[:i], true
		}
		if checkSegment(name) != nil || checkBytes(seg) != nil {
			return nil, false, ErrAmbiguousPath
		}
		dst = append(dst, seg)
	}
	return dst, params, nil
}

// checkSegment refuses a decoded segment that servers read in different ways.
func checkSegment(s string) error {
	if s == "" || s == "." || s == ".." || s != strings.TrimSpace(s) {
		return ErrAmbiguousPath
	}
	return checkBytes(s)
}

func checkBytes(s string) error {
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f || c == '/' || c == '\\' || c == '?' || c == '#':
			return ErrAmbiguousPath
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			return ErrAmbiguousPath
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(s) {
		return ErrAmbiguousPath
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// cutParams cuts the parameters off every segment, in place.
func cutParams(segments []string) {
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
}

// hostname returns the host of authority, without port and without the dot that
// ends a fully qualified name. It refuses user information, a malformed port,
// and characters that no host has, since servers read those in different ways.
func hostname(authority string) (string, error) {
	for i := 0; i < len(authority); i++ {
		switch c := authority[i]; {
		case c <= ' ' || c == 0x7f, c == '@', c == '/', c == '\\', c == '%', c == ',', c == '?', c == '#':
			return "", ErrAmbiguousHost
		}
	}
	host, port := cutPort(authority)
	name := host
	if strings.HasPrefix(host, "[") {
		// Go and others read [name] as name.
		if name = host[1 : len(host)-1]; !isIPv6(name) {
			return "", ErrAmbiguousHost
		}
	}
	if !isPort(port) || strings.Contains(name, "..") || strings.ContainsAny(name, "[]") {
		return "", ErrAmbiguousHost
	}
	return strings.TrimSuffix(host, "."), nil
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

// cutPort cuts authority after its host. A host that begins with a bracket ends
// with one. A well-formed port begins with a colon.
func cutPort(authority string) (host, port string) {
	end := strings.IndexByte(authority, ':')
	if strings.HasPrefix(authority, "[") {
		end = strings.IndexByte(authority, ']') + 1
	}
	if end < 0 {
		return authority, ""
	}
	return authority[:end], authority[end:]
}

// isPort reports whether s is empty, or a colon and digits, or a colon alone
// (RFC 3986 section 3.2.3).
func isPort(s string) bool {
	if s == "" {
		return true
	}
	return s[0] == ':' && strings.Trim(s[1:], "0123456789") == ""
}

// matchesHost reports whether host is one of hosts, exactly or by *.suffix.
// Case does not count.
func matchesHost(hosts []string, host string) bool {
	for _, h := range hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok {
			if cut := len(host) - len(suffix); cut > 0 && strings.EqualFold(host[cut:], suffix) {
				return true
			}
		} else if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

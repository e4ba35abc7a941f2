package proxy

import "strings"

// A rewritten body is not the body that the upstream tagged, so that its strong
// entity tag becomes a weak one (RFC 9110 section 8.8.1). A mark in the weak
// tag says that the tag was strong. When the client sends the tag back, restore
// undoes exactly what weaken did. A weak tag that ends like a marked one gets a
// mark of its own.
const (
	wasStrong = `~sm"`
	wasWeak   = `~smw"`
)

// weaken returns the entity tag of a rewritten body, given the upstream's tag.
// It returns anything that is not a tag as it is.
func weaken(etag string) string {
	opaque, weak := strings.CutPrefix(etag, "W/")
	inside, ok := strings.CutSuffix(opaque, `"`)
	switch {
	case !ok || len(inside) == 0 || inside[0] != '"':
		return etag // not a tag
	case !weak:
		return "W/" + inside + wasStrong
	case strings.HasSuffix(opaque, wasStrong), strings.HasSuffix(opaque, wasWeak):
		return "W/" + inside + wasWeak
	}
	return etag
}

// restore undoes weaken in an If-Match or If-None-Match header. Every other
// byte stays as it is, and so does a value that is not a list of tags.
func restore(list string) string {
	if !strings.Contains(list, `~sm`) {
		return list
	}
	var out strings.Builder
	for rest := list; rest != ""; {
		at := strings.IndexByte(rest, '"')
		if at < 0 {
			out.WriteString(rest)
			break
		}
		end := strings.IndexByte(rest[at+1:], '"')
		if end < 0 {
			return list
		}
		end += at + 2
		before, tag := rest[:at], rest[at:end]
		if prefix, weak := strings.CutSuffix(before, "W/"); weak {
			if inside, ok := strings.CutSuffix(tag, wasStrong); ok {
				before, tag = prefix, inside+`"`
			} else if inside, ok := strings.CutSuffix(tag, wasWeak); ok {
				tag = inside + `"`
			}
		}
		out.WriteString(before)
		out.WriteString(tag)
		rest = rest[end:]
	}
	return out.String()
}

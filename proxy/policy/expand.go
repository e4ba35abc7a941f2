package policy

import "strings"

// expand replaces ${ENV}, ${ENV:-default} and ${file:path} in the value of a
// scalar; $${ stands for a literal ${. A file's trailing line breaks are cut. It
// reports what is unset or unreadable, and never what a value is.
func (d *decoder) expand(at place, s string) (string, bool) {
	var b strings.Builder
	ok := true
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), ok
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			d.problem(at, "write $${ for a literal ${", "${ without a closing }")
			return "", false
		}
		v, found := d.lookup(at, name)
		b.WriteString(v)
		ok = ok && found
		s = rest
	}
}

func (d *decoder) lookup(at place, name string) (string, bool) {
	if path, isFile := strings.CutPrefix(name, "file:"); isFile {
		return d.readSecret(at, path)
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	if !isEnvName(name) {
		d.problem(at, "write ${NAME}, ${NAME:-default}, ${file:path}, or $${ for a literal ${",
			"%q is no name of an environment variable", name)
		return "", false
	}
	v, set := d.getenv(name)
	if set && (v != "" || !hasFallback) {
		return v, true
	}
	if !hasFallback {
		d.problem(at, "set it, or give a default: ${"+name+":-default}", "environment variable %s is not set", name)
	}
	return fallback, hasFallback
}

func (d *decoder) readSecret(at place, path string) (string, bool) {
	b, err := d.readFile(path)
	if err != nil {
		d.problem(at, "", "cannot read ${file:%s}: %v", path, err)
		return "", false
	}
	return strings.TrimRight(string(b), "\r\n"), true
}

func isEnvName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

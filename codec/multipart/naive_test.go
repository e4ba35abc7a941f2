package multipart

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A readPart is a part as a reader of the tests has it.
type readPart struct {
	Name  string
	File  bool
	Value string
}

var (
	boundaries   = regexp.MustCompile(`^[0-9A-Za-z._+-]{1,70}$`)
	dispositions = regexp.MustCompile(`(?i:^Content-Disposition): ?form-data; ?name=("[^"]*"|[0-9A-Za-z._-]+)(; ?filename=("[^"]*"|[0-9A-Za-z._-]+)(; ?filename\*=(?i:utf-8)''((?:[0-9A-Za-z._-]|%[0-9A-Fa-f]{2})*))?)?$`)
	ambiguous    = regexp.MustCompile(`(?i)\\|;.*=|=.*;|%22|=\?|name=`)
	words        = regexp.MustCompile(`^=\?(?i:utf-8\?B)\?([0-9A-Za-z+/=]*)\?=$`)
	percents     = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	types        = regexp.MustCompile(`(?i:^Content-Type): ?([!#$%&'*+.^_|~0-9A-Za-z` + "`" + `-]+/[!#$%&'*+.^_|~0-9A-Za-z` + "`" + `-]+)((; ?[!#$%&'+.^_|~0-9A-Za-z` + "`" + `-]+=([!#$%&'*+.^_|~0-9A-Za-z` + "`" + `-]+|"[^"\\;,]*"))*)$`)
	charsets     = regexp.MustCompile(`(?i); ?charset="?([^;"]*)`)
	lengths      = regexp.MustCompile(`(?i:^Content-Length): ?([0-9]{1,18})$`)
	encodings    = regexp.MustCompile(`(?i:^Content-Transfer-Encoding): ?(binary|[78]bit)$`)
	controls     = regexp.MustCompile(`[\x00-\x1f\x7f]`)
	forms        = regexp.MustCompile(`(?i)^(multipart/.*|application/x-www-form-urlencoded)$`)
)

// readNaively is the second reader, made of splits and regular expressions. It
// knows the format without rules.
func readNaively(boundary, body string) (parts []readPart, ok bool) {
	dashed := "--" + boundary
	if !boundaries.MatchString(boundary) {
		return nil, false
	}
	body = strings.TrimSuffix(body, "\r\n")
	pieces := strings.Split("\r\n"+body, "\r\n"+dashed)
	n := len(pieces)
	if n < 2 || pieces[0] != "" || pieces[n-1] != "--" || n > maxParts+2 {
		return nil, false
	}
	for _, p := range pieces[1 : n-1] {
		head, value, found := strings.Cut(p, "\r\n\r\n")
		part, good := readHead(head, value)
		if !found || !good || strings.Contains(p, dashed) {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, true
}

// readHead reads the headers of a part.
func readHead(head, value string) (p readPart, ok bool) {
	head, ok = strings.CutPrefix(head, "\r\n")
	if !ok || len(head)+len("\r\n\r\n") > maxHead || !utf8.ValidString(head) {
		return p, false
	}
	p.Value = value
	var named, typed, measured, encoded, plain bool
	for _, line := range strings.Split(head, "\r\n") {
		if controls.MatchString(line) {
			return p, false
		}
		if m := dispositions.FindStringSubmatch(line); m != nil && !named {
			name, file := strings.Trim(m[1], `"`), strings.Trim(m[3], `"`)
			if word := words.FindStringSubmatch(file); word != nil && m[4] != "" {
				text, err := base64.StdEncoding.Strict().DecodeString(word[1])
				if file = string(text); err != nil || strings.ContainsAny(file, "\"\\") || strings.ContainsFunc(file, unicode.IsControl) || strings.Contains(strings.ToLower(m[3]), "name=") {
					return p, false
				}
			}
			if ambiguous.MatchString(name) || strings.Contains(name, ";") || percents.MatchString(name) || name == "_charset_" || strings.Trim(strings.TrimSpace(name), "\ufeff") != name || ambiguous.MatchString(file) {
				return p, false
			}
			if again, err := url.PathUnescape(m[5]); m[4] != "" && (err != nil || again != file) {
				return p, false
			}
			named, p.Name, p.File = true, name, m[2] != ""
		} else if m := types.FindStringSubmatch(line); m != nil && !typed {
			set := charsets.FindAllStringSubmatch(m[2], -1)
			if len(m[1]) > maxMedia || forms.MatchString(m[1]) || regexp.MustCompile(`(?i)name=`).MatchString(line) || len(set) > 1 {
				return p, false
			}
			if len(set) == 1 && !strings.EqualFold(set[0][1], "utf-8") && !strings.EqualFold(set[0][1], "utf8") {
				if ascii := regexp.MustCompile(`(?i)^(us-ascii|iso-8859-1)$`); !ascii.MatchString(set[0][1]) || !isASCII(value) {
					return p, false
				}
			}
			typed, plain = true, strings.EqualFold(m[1], "text/plain")
		} else if m := lengths.FindStringSubmatch(line); m != nil && !measured {
			if measured = true; strings.TrimLeft(m[1], "0") != strings.TrimLeft(strconv.Itoa(len(value)), "0") {
				return p, false
			}
		} else if encodings.MatchString(line) && !encoded {
			encoded = true
		} else {
			return p, false
		}
	}
	field := !p.File && (!typed || plain)
	return p, named && (!field || utf8.ValidString(value))
}

func isASCII(s string) bool { return strings.IndexFunc(s, isNotASCII) < 0 }

// readMIME is mime/multipart.
func readMIME(boundary, body string) (parts []readPart, err error) {
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		var value bytes.Buffer
		if _, err := value.ReadFrom(p); err != nil {
			return nil, err
		}
		_, file := p.Header["Content-Disposition"]
		file = file && strings.Contains(p.Header.Get("Content-Disposition"), "filename=")
		parts = append(parts, readPart{p.FormName(), file, value.String()})
	}
}

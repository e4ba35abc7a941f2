package policy

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec/formats"
)

// passTypes checks the media types that may pass unread.
func (c *compiler) passTypes(ts texts) []string {
	var types []string
	for _, t := range ts {
		media := strings.ToLower(t.Value)
		major, minor, _ := strings.Cut(media, "/")
		switch format := readFormat(media); {
		case !isMediaToken(major) || minor != "*" && !isMediaToken(minor):
			c.problem(t.place, "write type/subtype or type/*", "not a media type without parameters")
		case format != "":
			c.problem(t.place, "name the types that have none", "%s has a codec, so it is read, not passed", format)
		default:
			types = append(types, media)
		}
	}
	return types
}

// readFormat returns a media type among those that a type or type/* covers and
// that a codec reads, or "". Were it passed, a body would only need a charset
// that the codec does not know to get around the rules.
func readFormat(media string) string {
	if formats.Table().Detect(media).Format != nil {
		return media
	}
	major, all := strings.CutSuffix(media, "*")
	for _, f := range formats.Table() {
		for _, m := range f.MediaTypes {
			if all && strings.HasPrefix(m, major) {
				return m
			}
		}
	}
	return ""
}

func isMediaToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$&-^_.+", r) // RFC 6838 section 4.2
	})
}

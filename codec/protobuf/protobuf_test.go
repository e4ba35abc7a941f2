package protobuf

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// corpus is bodies of test.User.
func corpus(t testing.TB) codectest.Corpus {
	return codectest.Corpus{
		Options: options(t),
		Rules: []codec.Rule{
			{Path: "$.ssn"}, {Path: "$.photo"}, {Path: "$.friends[*].ssn"}, {Path: "$.labels.known"}, {Path: "$.by_id['7'].ssn"},
			{Path: "$.detail.ssn"}, {Path: "$.nick"}, {Path: "$.meta..secret"}, {Path: "$.tags[1]"}, {Path: "$.userNote", Unescape: true},
			{Path: "$.boss.boss.ssn"},
		},
		Bodies: []string{
			str(1, "123-45-6789"),
			str(1, "a") + str(1, "b") + num(11, 5) + str(1),
			num(11, 1<<63) + str(12, "\x01\x02\xff\x01") + num(12, 9) + num(17, 4000),
			str(2, "\xff\x00\xfe") + str(14, "mail") + str(5000, "far"),
			str(3, str(1, "x")) + str(3, str(2, "photo")+str(3, str(1, "deeper"))) + str(3),
			str(4, str(1, "known")+str(2, "v")) + str(4, str(2, "v")+str(1, "known")) + str(4, str(1, "other")+str(2, "w")) + str(4),
			str(5, num(1, 7)+str(2, str(1, "seven"))) + str(5, num(1, 8)+str(2, str(1, "eight"))),
			str(6, str(1, "type.googleapis.com/test.User")+str(2, str(1, "inside"))),
			str(6, str(1, "test.Order")+str(2, str(1, "id"), str(2, str(1, "not here")))), str(6),
			str(7, str(1, "nick")) + str(7) + str(7, str(1)),
			str(9, str(1, str(1, "secret")+str(2, str(3, "s")))) + str(9, str(1, str(1, "a")+str(2, str(5, str(1, str(1, "secret")+str(2, str(3, "t"))))))),
			str(10, "zero") + str(10, "one") + str(10, "two"),
			str(16, "note") + str(13, str(13, str(1, strings.Repeat("long ", 100)))) + str(13, str(13, str(1, "again"))),
			str(18+1, "12345678") + "\x95\x01abcd",
			str(14, strings.Repeat("long ", 2000)) + str(1, "after") + str(16, "last"),
			str(16, strings.Repeat(canary, 500)) + str(3, str(1, strings.Repeat(canary, 30))),
		},
		Refused: []string{
			str(1, canary) + "\x00", "\x0a", str(1, canary)[:4], "\x0a\x80", "\x0a\x81\x00" + canary, "\x8a\x00\x01a",
			str(1, canary+"\xff"), num(1, 5), str(11, canary) + num(12, 1), str(1, "a") + str(3, str(1, canary)[:3]),
			str(23, canary), str(1, "a") + "\x0b\x0c", "\x0c", "\x0e", str(12, "\x80"), str(19, "1234567"),
			str(1, canary) + "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", str(1, canary) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
			str(4, str(1, "known")+str(1, "known")+str(2, canary)), str(5, str(1, "7")+str(2, str(1, canary))),
			str(6, str(1, "test.None")+str(2, canary)), str(6, str(2, canary)), str(6, str(1, "test.User")+str(1, "test.Order")),
			str(6, str(1, "test.User")) + str(6, str(2, str(1, canary))),
			"\x58", "\x95\x01abc", str(3, "\x5d\x61"),
		},
		Value: func(n int) string { return str(1, strings.Repeat("v", n)) },
		Nested: func(n int) string {
			s := ""
			for range n {
				s = str(13, s)
			}
			return s
		},
		Many:  func(n int) string { return strings.Repeat(str(3, str(1, "x")), n) },
		Named: func(n int) string { return str(4, str(1, strings.Repeat("n", n)), str(2, "v")) },
		Pad: func(body string, n int) string {
			if n == 0 {
				return body
			}
			return str(3, str(1, "xx")) + body[5:]
		},
	}
}

func TestConformance(t *testing.T) { codectest.Run(t, &Format, corpus(t)) }

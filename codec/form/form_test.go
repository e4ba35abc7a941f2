package form

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

var corpus = codectest.Corpus{
	Rules: []codec.Rule{
		{Path: "$.ssn"}, {Path: "$..email"}, {Path: "$.list[*].x"}, {Path: "$.list[1]"},
		{Path: "$.look", Unescape: true}, {Path: "$['odd name\u00e9']"}, {Path: "$.any.*"},
	},
	Bodies: []string{
		"", "&", "&&", "a", "a=", "=b", "a=b&", "&a=b&&c=d",
		"ssn=123-45-6789", "a=1&ssn=a&ssn=b&c=2&ssn=", "s%73n=1&ssm=decoy&%73%73%6E=true&ssnn=0",
		"ssn=a+b%26c&email=%C3%A9&x=%F0%9F%98%80", "ssn=a%20b&email=%c3%a9&look=a%20b%7E", "ssn=a=b==&email='$(!)~/?@:,'",
		"user[email]=1&user.email=2&list[0][x]=3&list[1]=4&list[]=5&list.1.x=6", "odd+name%C3%A9=v&odd%20name\u00e9=w&odd+name=no",
		"note=pasted%0Btext%7F&ssn=a%1Fb", "any.=1&any[a]=2&any[b][c]=3&anyx=4&any=5", "ssn=\u00e9\u6f22\U0001f600&look=\u00e9&email=a b c",
		"pad=" + strings.Repeat("long+text%0D%0A", 100) + "&email=after&n=" + strings.Repeat("1.5e3,+", 200) + "&ssn=last",
		"email=" + strings.Repeat(canary, 200) + "&ssn=" + strings.Repeat("%C3%A9", 100),
	},
	Refused: []string{
		"ssn=CANARY;a=1", "ssn=CANARY&a=;", "ssn=CANARY&;", "ssn=CANARY&a=%", "ssn=CANARY&%=a", "ssn=CANARY&a=%4", "ssn=CANARY%4", "ssn=CANARY%",
		"ssn=CANARY&%4", "ssn=CANARY&%u0031=1", "ssn=%u0031CANARY", "ssn=CANARY&a=%C2", "ssn=CANARY&a=%C2x", "ssn=CANARY%C2&a=1", "ssn=CANARY&%FF=1",
		"ssn=CANARY&a=\xc2", "ssn=CANARY&\xff=1", "ssn=CANARY&a=%C2\xa9", "ssn=CANARY&a=\xc2%A9", "ssn=CANARY&a=%ED%A0%80", "ssn=CANARY&a=%C0%80",
		"ssn=CANARY&a=%00", "ssn=CANARY&a%00=1", "ssn=CANARY\x00", "ssn=CANARY\r\n", "ssn=CANARY&a=\t", "ssn=CANARY&a=\x7F", "ssn=CANARY&a%7F=1", "ssn=CANARY&a=\x0b", "ssn=CANARY&a%0B=", "ssn=CANARY&a%0A=1", "ssn=CANARY&a%09=",
		"%EF%BB%BFssn=CANARY", "\ufeffssn=CANARY", "a=1&\ufeffssn=CANARY", "_charset_=CANARY", "a=1&_CharSet_=", "%5fcharset_=CANARY",
		"ssn", "a=1&ssn", "a=1&ssn&b=CANARY", "user[email]", "x[y]=z]=CANARY", "=[ssn]=CANARY", "a=%5d=CANARY", "a=%5D=CANARY", "a=]=",
	},
	Value:     func(n int) string { return "ssn=" + strings.Repeat("v", n) },
	Many:      func(n int) string { return strings.TrimSuffix(strings.Repeat("email=x&", n), "&") },
	Named:     func(n int) string { return strings.Repeat("n", n) + "=1" },
	Pad:       func(body string, n int) string { return body + strings.Repeat("&", n) },
	Positions: []codec.Position{codec.FormValue},
}

func TestConformance(t *testing.T) { codectest.Run(t, &Format, corpus) }

// A query is a form in which nothing but printable ASCII is as it is.
func TestQueryConformance(t *testing.T) {
	query := corpus
	query.Bodies, query.Refused = nil, append([]string{"a b=1", "a=1 ", "a=#CANARY", "#", "\u00e9=1", "a=\u00e9CANARY"}, corpus.Refused...)
	for _, b := range corpus.Bodies {
		if !strings.ContainsFunc(b, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
			query.Bodies = append(query.Bodies, b)
		}
	}
	codectest.Run(t, &Query, query)
}

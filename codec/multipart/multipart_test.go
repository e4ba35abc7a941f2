package multipart

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

const canary = codectest.Canary

var corpus = codectest.Corpus{
	Rules: []codec.Rule{
		{Path: "$.ssn"}, {Path: "$..email"}, {Path: "$.list[*]"}, {Path: "$.look", Unescape: true}, {Path: "$['odd name é']"},
		{Path: "$.order.card"},
	},
	Options: codec.Options{Settings: map[string]string{"part.order": "json", "part.data": "file", "part.table": "csv", "part.tree": "xml"}},
	Params:  params,
	Bodies: []string{
		formOf(), formOf(field("x", "1")),
		strings.TrimSuffix(formOf(field("x", "")), "\r\n"),
		formOf(field("ssn", "123-45-6789")),
		formOf(field("ssn", ""), field("ssn", "two\r\nlines\r\n"), field("SSN", "decoy")),
		formOf(field("ssn", "a"), field("note", "b\n\r--\r\n-\r\n--Xy\r\n--XyZ"), field("user[email]", "é漢😀"), field("user.email", "x")),
		formOf(field("ssn", "\r\n--XyZ-\r\r\n"), field("ssn", "\r"), field("ssn", "\r\n"), field("ssn", "\n")),
		formOf(typed("ssn", "text/plain; charset=UTF-8", "typed"), typed("look", `Text/Plain`, "x\x00y"), field("odd name é", "v")),
		formOf(file("doc", "application/octet-stream", "\xff\xfe\x00--XyZ\r\n--"), field("list", "1"), field("list[]", "2"), field("list[7]", "3")),
		formOf(file("email.x", "image/png", strings.Repeat("\x89PNG\r\n\x1a\n", 99)), file("ssm", "text/x-csv", "a,b\r\n1,2\r\n")),
		formOf(typed("order", "application/json", `{"card":"4111", "x":["email",{"email":1}]}`), field("ssn", "after")),
		formOf(field("table", "id,email\n1,\"a\"\"b\"\n2,\n"), field("ssn", "x"), field("table", "email\r\nx\r\n")),
		formOf(typed("tree", "application/xml", `<p email="1"><email>a&amp;b</email></p>`), field("table", "email\nx"), field("tree", "<email></email>")),
		formOf(field("order", "{\r\n\"card\" : [1,2] }\r\n"), field("order", `{"email":"\u0041"}`)),
		formOf(file("order", "application/json", `"text"`), file("data", "application/json", `{"email":1}`), file("empty", "a/b", "")),
		formOf(strings.Replace(field("note", "12345"), "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n", 1), field("ssn", "x")),
		formOf(onePart(`name="ssn"`, "Content-Length:5\r\nContent-Type: text/plain\r\n", "12345"), onePart(`name="ssn"; filename="x"`, "content-length: 0\r\n", "")),
		formOf(strings.Replace(onePart(`name="ssn"`, "", "v"), "\r\nContent-D", "\r\nContent-Length: 1\r\nContent-D", 1), onePart(`name="x"`, "Content-Length: 1\r\n", "v"), field("ssn", "w")),
		formOf(field("note", strings.Repeat("long text. ", 200)), field("ssn", strings.Repeat(canary, 100)), field("email", "last")),
		"--XyZ-1\r\ncontent-disposition:form-data;name=ssn;filename=\"\"\r\nCONTENT-TYPE:text/plain\r\n\r\n" + "\r\n--XyZ-1--",
	},
	Refused: []string{
		"", "\r\n", "--XyZ-1", "--XyZ-1--\r\n" + formOf(field("ssn", canary)), "--XyZ-1--\r\n\r\n", "--XyZ-1\r\n", strings.TrimSuffix(formOf(field("ssn", canary)), "--\r\n"),
		formOf(field("ssn", canary)) + "\r\n", formOf(field("ssn", canary)) + "x", strings.TrimSuffix(formOf(field("ssn", "a")), "\n"),
		"preamble\r\n" + formOf(field("ssn", canary)), "\r\n" + formOf(field("ssn", canary)),
		formOf(field("ssn", canary), field(canary+`\`, "")), formOf(field("x", "\xff"+canary), field("ssn", "")),
		formOf(field("ssn", "a\xc3"), field("x", "")), formOf(field("ssn", "a\r\n--XyZ-1"+canary)), formOf(field("ssn", "--XyZ-1")),
		formOf(field("ssn", "a"), field("x", "a--XyZ-1"+canary)), formOf(field("ssn", "a"), field("x", "a\n--XyZ-1\r\n")),
		formOf(field("ssn", "a"), field("order", `{"card":CANARY}`)), formOf(field("ssn", "a"), field("order", `{"card":1`)),
		formOf(field("ssn", "a"), field("order", "")), formOf(typed("order", "text/plain", "{}")),
		formOf(typed("order2", "application/json", "{}")), formOf(field("order[x]", canary)),
		formOf(field("order", `{"card":"--XyZ-1"}`)), formOf(field("order", "{}\r\n--XyZ-1x")),
	},
	Value: func(n int) string { return formOf(field("ssn", strings.Repeat("v", n))) },
	Many:  func(n int) string { return formOf(strings.Repeat(field("ssn", "x"), n)) },
	Pad: func(body string, n int) string {
		return strings.Replace(body, "x", strings.Repeat("x", n+1), 1)
	},
}

func TestConformance(t *testing.T) { codectest.Run(t, &format, corpus) }

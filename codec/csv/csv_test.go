package csv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

const canary = codectest.Canary

var corpus = codectest.Corpus{
	Rules: []codec.Rule{{Path: "$[*].ssn"}, {Path: "$..email", Unescape: true}, {Path: "$[1].note"}, {Path: "$[*]['odd, né']"}},
	Bodies: []string{
		"", "\n", "\r\n\r\n", "a", "a\n", "a\n1", "\"a\"\r\n", "ssn\n", "ssn\n\"\"\n",
		"id,ssn\n1,123-45-6789\n",
		"id,ssn,email\r\n1,a,b\r\n2,,\r\n3,\"\",\"\"",
		"\"ssn\",ssm,\"odd, né\"\n\"quo\"\"ted\",\"\"\"\",\"a,b\"\n\"\"\"\",x,\"line\r\nend\"\n\"\r\",\"\n\",y\n\n\n",
		"ssn\nfirst\nsecond", "email,note\na,0\nb,1\nc,2\n", "note\nzero\none\ntwo\n",
		"x,email\n" + strings.Repeat("some plain text here,v\n", 40),
		"x,y,ssn\n\"" + strings.Repeat("long, ", 300) + "\"," + strings.Repeat("é漢😀", 100) + "," + strings.Repeat(canary, 100) + "\n",
		"ssn,t\n\t,a\tb\n\"a\tb\",=1+1\n 'q' ,-2\n",
		"\ufeffssn,x\n1,2\n", "\ufeff", "\ufeffx,\"ssn\"\n\"1\",2\n", "mail;x,b\n1,2\n", "x\ty,ssn\n\"\u2028\u0085\",3\n\u2027\u202a\u0084,\u0486\n",
		",,\n,,\n,ssn,\n,,", "a\\b,ssn\n\\x,\\y\n\"\\a\",b\\c\n",
	},
	Refused: []string{
		"\ufeff\"ssn\"\nCANARY\n", "\ufeff\"x,ssn,y\"\nCANARY\n", "\ufeff\ufeffssn\nCANARY\n", "sep=;\nssn\nCANARY", "\"sep=;\"\nssn\nCANARY", "SEP=,\nssn", "ssn\nCANARY\"x\n", "ssn\n\"CANARY\"x\n", "ssn\n \"CANARY\"\n", "ssn\n\"CANARY\" \n",
		"ssn,a\nCANARY\n", "ssn,a\nCANARY,1,2\n", "ssn,a\nCANARY,1,\n", "ssn,a\nCANARY,1\n1", "ssn,a\n1,2\n1,2,", "ssn,a\nCANARY,1\n\n1,2\n", "\nssn\nCANARY", "\r\nssn\r\n1", "ssn\n\n1\n",
		"ssn\nCANARY\rx\n", "ssn\r", "ssn\nCANARY\r", "ssn\r\rx", "ssn\nCAN\x00ARY\n", "ssn\n\"CAN\x1fARY\"\n", "ssn\n\x0bCANARY\n", "ssn\n\"\x1bCANARY\"",
		"ssn,ssn\nCANARY,b\n", "ssn,x,\"ssn\"\nCANARY,b,c\n", " ssn,x\nCANARY,b\n", "x,\"ssn \"\nCANARY,b\n", "\u00a0ssn\nCANARY\n", "x,\ufeffssn\n1,CANARY", "x\u200b,ssn\u200b\n1,CANARY", "'ssn',x\nCANARY,1\n",
		"id;ssn\n1;CANARY\n", "id\tssn\n1\tCANARY\n", "id;ssn,x\n1;CANARY,x\n", "id|x\n1|CANARY\n", "a;b\n1;CANARY", "email;\n1;\n",
		"ssn\n\"CANARY", "ssn\n\"CANARY\"\"", "ssn\nCANARY\xff\n", "ssn\nCANARY\xc3", "ssn\nCANARY\xc3\n", "ssn\n\"\xed\xa0\x80\"\n", "ssn\nCANARY\u2028x\n", "ssn\nCANARY\u2029\n", "a\u0085ssn\nCANARY\n",
		"ssn,x\nCANARY\\,1\n", "ssn\nCANARY\\\n", "ssn\nCANARY\\", "ssn\n\"CANARY\\\"\n", "ssn\n\"CANARY\\\"\"\"\n", "ssn,x\n\"a\\\",CANARY\"\n", "x,y\nCANARY\\,1\n", "x\\\r\nCANARY\n",
		"x,y\na\"b,1\n", "x,y\n\"a\"b,1\n", "x,y\n1,\x01\n", "x,y\n1,2\n3\n", "x,y\n1,2,3\n", strings.Repeat("x,", 200) + "\nCANARY\n",
	},
	Value:   func(n int) string { return "ssn\n" + strings.Repeat("v", n) + "\n" },
	Many:    func(n int) string { return "email\n" + strings.Repeat("x\n", n) },
	Records: true,
	Named:   func(n int) string { return strings.Repeat("n", n) + "\n" },
	Pad:     func(body string, n int) string { return body + strings.Repeat("\n", n) },

	Positions: []codec.Position{codec.CSVField},
}

func TestConformance(t *testing.T) { codectest.Run(t, &Format, corpus) }

// TestConformanceWithoutNames runs the suite where the first line is a row.
func TestConformanceWithoutNames(t *testing.T) {
	c := corpus
	c.Rules = []codec.Rule{{Path: "$[*][1]"}}
	c.Options.Settings = map[string]string{"header": "absent", "delimiter": ";", "bom": "allow", "backslash": "data"}
	c.Bodies = []string{
		"", "a", "a\n", "a;b", "a;\"b;c\"\r\n1;2\r\n\"x\";y\r\nd;e", "\ufeffa;b\n", "\ufeff\"a\";b;c\n1;2;3\n4;5;6\n7;8;9\n", "a\\;\\\n\"\\\";\"\"\"\\\"\n", "\xef\xbb\xbe;b\n", "a,b;c\n",
		"a\nb\nc,d\ne\n", ";\n;\n;\n;",
	}
	c.Refused = []string{
		"ssn,email\nCANARY,\n", "sep=,\nCANARY", "\ufeffsep=;\nCANARY;", "\xef\xbb", "\xef", "\xef\xbbx", "a;b\nCANARY", "a;b\nCANARY;1;2\n", "a;\"CANARY\"x\n", "a;\x00CANARY", "\ufeff\ufeffCANARY\rx", "\ufeff\n\nCANARY",
	}
	c.Value = func(n int) string { return "x;" + strings.Repeat("v", n) + "\n" }
	c.Named = nil
	c.Many = func(n int) string { return strings.Repeat("x;y\n", n) }
	codectest.Run(t, &Format, c)
}

// TestConformanceTSV runs the suite for TSV.
func TestConformanceTSV(t *testing.T) {
	codectest.Run(t, &TSV, codectest.Corpus{
		Rules: []codec.Rule{{Path: "$[*].ssn"}, {Path: "$[*][2]"}},
		Bodies: []string{
			"", "ssn\n1\n", "id\tssn\r\n1\ta,b\r\n2\t\r\n\t", "City, State\tssn\n'Berlin; x'\t a|b \n",
			"a\tb\tc\tssn\n1\t2\t3\t4\n5\t6\t\t\n",
		},
		Refused: []string{
			"ssn\n\"CANARY\"\n", "ssn\n5\" CANARY\n", "a\tssn\n1\tCANARY\t2\n", "a\tssn\n\"CANARY\t2\"\n", "id,ssn\n1,CANARY\n", "a;b\n1;CANARY\n", "a, ssn\tb\n1\tCANARY\n", "ssn\nCANARY\\\n", "a\tssn\nx\\\tCANARY\n",
			"\ufeff\ufeffssn\nCANARY", "sep=\t\nssn\nCANARY", "ssn\n\n1",
		},
		Value:     func(n int) string { return "a\tssn\n\t" + strings.Repeat("v", n) + "\n" },
		Many:      func(n int) string { return "ssn\n" + strings.Repeat("x\n", n) },
		Records:   true,
		Named:     func(n int) string { return strings.Repeat("n", n) + "\n" },
		Pad:       func(body string, n int) string { return body + strings.Repeat("\n", n) },
		Positions: []codec.Position{codec.CSVField},
	})
}

// with is a Body of Format for rules under settings.
func with(t testing.TB, sel *codec.Selector, tr codec.Transform, settings ...string) codec.Body {
	t.Helper()
	o := codec.Options{Settings: map[string]string{}}
	for i := 0; i < len(settings); i += 2 {
		o.Settings[settings[i]] = settings[i+1]
	}
	checked, err := Format.Check(sel, o)
	if err != nil {
		t.Fatal(err)
	}
	return codec.Body{At: sel.Root(), Checked: checked, Transform: tr}
}

// fields returns what a Transform is given of body.
func fields(t *testing.T, sel *codec.Selector, body string, settings ...string) string {
	t.Helper()
	var seen []codectest.Seen
	got, err := codectest.RewriteBody(&Format, with(t, sel, codectest.Record(&seen, codectest.Keep), settings...), body, nil)
	if err != nil || got != body {
		t.Errorf("%q: %q, %v", body, got, err)
	}
	var b strings.Builder
	for _, s := range seen {
		if s.Kind != codec.Text {
			t.Errorf("%q: kind %d", body, s.Kind)
		}
		fmt.Fprintf(&b, "%d:%q ", s.Rule, s.Value)
	}
	return strings.TrimSpace(b.String())
}

// TestFields: what a Transform is given.
func TestFields(t *testing.T) {
	absent := []string{"header", "absent"}
	for _, tc := range []struct {
		rules    string
		body     string
		want     string
		settings []string
	}{
		{"$[*].ssn", "id,ssn\n1,a\n2,b\n", `0:"a" 0:"b"`, nil},
		{"$[*].ssn", "\"ssn\",id\n\"a\"\"b\",1\n\"c,d\r\ne\",\n\"\",2", `0:"a\"b" 0:"c,d\r\ne" 0:""`, nil},
		{"$[*].ssn", "SSN,ss n,sn\n1,2,3\n", ``, nil},
		{"$[*].*", "a,b\n1,\n", `0:"1" 0:""`, nil},
		{"$[*]", "a,b\n1,2\n", `0:"1" 0:"2"`, nil},
		{"$", "a,b\n1,2\n3,4", `0:"1" 0:"2" 0:"3" 0:"4"`, nil},
		{"$..ssn", "a,ssn\n1,2\n", `0:"2"`, nil},
		{"$..*", "a\n1\n", `0:"1"`, nil},
		{"$[0].ssn", "ssn\n1\n2\n", `0:"1"`, nil},
		{"$[1].ssn", "ssn\n1\n2\n3\n", `0:"2"`, nil},
		{"$[*].ssn $[1]", "ssn,a\n1,2\n3,4\n5,6\n", `0:"1" 1:"3" 1:"4" 0:"5"`, nil},
		{"$[*][1]", "ssn,a\n1,2\n3,4\n", `0:"2" 0:"4"`, nil},
		{"$[*][1] $[*].a", "ssn,a\n1,2\n", `1:"2"`, nil},
		{"$[*].ssn.x $[*].b", "ssn,b\n1,2\n", `1:"2"`, nil},
		{"$[1].ssn $[3] $[*][1]", "id,ssn,city\n0,a a a a,London\n1,b b b b,Berlin\n2,c,Paris\n3,d,Rome at noon\n4,e e e e,Oslo\n",
			`2:"a a a a" 0:"b b b b" 2:"c" 1:"3" 1:"d" 1:"Rome at noon" 2:"e e e e"`, nil},
		{"$[*][1]", "x,y\n1,2\n", `0:"y" 0:"2"`, absent},
		{"$[0] $[*][0]", "x,y\n1,2\n", `0:"x" 0:"y" 1:"1"`, absent},
		{"$[*].x $[*][0]", "x,y\n1,2\n", `1:"x" 1:"1"`, absent},
		{"$[*].ssn", "a,b;ssn\n1,2;3\n", `0:"3"`, []string{"delimiter", ";"}},
		{"$[*].ssn", "a\tssn\n1\t\"2\t3\"\n", `0:"2\t3"`, []string{"delimiter", "\t"}},
		{"$[*].ssn", "\ufeffssn,x\n1,2\n", `0:"1"`, []string{"bom", "allow"}},
		{"$[*].ssn", "\ufeffssn,x\n1,2\n", `0:"1"`, nil},
		{"$[*].ssn", "\ufeff\"ssn\",x\n1,2\n", `0:"1"`, []string{"bom", "allow"}},
		{"$[*][0]", "\ufeff1,2\n", `0:"1"`, []string{"bom", "allow", "header", "absent"}},
		{"$[*].ssn", "ssn,x\na\\,b\n\"c\\\",d\n", `0:"a\\" 0:"c\\"`, []string{"backslash", "data"}},
		{"$[*].ssn", "ssn\n=cmd()\n+1\n@x\n-2\n", `0:"=cmd()" 0:"+1" 0:"@x" 0:"-2"`, nil},
	} {
		var rules []codec.Rule
		for path := range strings.FieldsSeq(tc.rules) {
			rules = append(rules, codec.Rule{Path: path})
		}
		if got := fields(t, codectest.Select(t, rules...), tc.body, tc.settings...); got != tc.want {
			t.Errorf("%s in %q: %s, want %s", tc.rules, tc.body, got, tc.want)
		}
	}
	folds := codectest.Fold(t, codec.Rule{Path: "$[*].ssn"})
	if got := fields(t, folds, "SSN,x\n1,2\n"); got != `0:"1"` {
		t.Errorf("ignoring case: %s", got)
	}
}

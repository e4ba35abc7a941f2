package xml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// isHead takes what begins with suite A for an envelope.
func isHead(text []byte) bool {
	for _, c := range text[len("sm1."):] {
		if !codec.EnvelopeChar(c) {
			return false
		}
	}
	return text[len("sm1.")] == 'A'
}

// stolen is an envelope as short as they come.
var stolen = "sm1.A" + strings.Repeat("Qb-_", 11)

// A guardCase is a body and the code that it is refused with, wherever it is
// cut.
type guardCase struct {
	body string
	code codec.Code
}

func checkGuard(t *testing.T, sel *codec.Selector, cases []guardCase) {
	t.Helper()
	for _, c := range cases {
		got, err := rewrite(sel, keep, codec.Limits{}, c.body, nil)
		e, _ := errors.AsType[*codec.Error](err)
		if c.code == "" && (err != nil || got != c.body) || c.code != "" && (e == nil || e.Code != c.code) {
			t.Errorf("%.120s: %v, want %q", c.body, err, c.code)
		}
		want := fmt.Sprint(err)
		for _, cuts := range cuttings(len(c.body)) {
			if _, err := rewrite(sel, keep, codec.Limits{}, c.body, cuts); fmt.Sprint(err) != want {
				t.Errorf("%.120s cut at %v: %v, whole %s", c.body, cuts, err, want)
				break
			}
		}
	}
}

// u makes references of the characters of s at the given places, or of all.
func u(s string, at ...int) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		if len(at) == 0 || slices.Contains(at, i) {
			fmt.Fprintf(&b, `&#x%x;`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestEnvelopesAreRefused(t *testing.T) {
	text := strings.Repeat("a text with v1.2 in it. ", 20)
	sel := mustSelect(t, []codec.Rule{
		{Path: "$..open", Open: true}, {Path: "$..['@open']", Open: true}, {Path: "$..seal"}, {Path: "$..kept", Envelopes: true},
	}).Guarded(codec.Guard{Envelope: isHead})
	var cases []guardCase
	for _, refused := range []string{
		`<r>` + stolen + `</r>`, `<r><a>` + stolen + `</a></r>`, `<r>` + text + stolen + text + `</r>`, `<r>` + u(stolen) + `</r>`, `<r>` + u(stolen, 3, 9) + `</r>`, `<r>&#115;m1.` + stolen[4:] + `</r>`,
		`<r>` + stolen[:9] + `<!-- x -->` + stolen[9:] + `</r>`, `<r>` + stolen[:9] + `<?p x?>` + stolen[9:] + `</r>`, `<r>` + stolen[:9] + `<![CDATA[` + stolen[9:12] + `]]>` + stolen[12:] + `</r>`,
		`<r><![CDATA[` + stolen + `]]></r>`, `<r><![CDATA[` + stolen[:20] + `]]><![CDATA[` + stolen[20:] + `]]></r>`, `<r>` + text + `<![CDATA[` + text + stolen + text + `]]></r>`,
		`<r><!--` + stolen + `--></r>`, `<!-- ` + text + stolen + ` --><r/>`, `<r/><?p ` + stolen + `?>`, `<r><?` + stolen + `?></r>`, `<r><?p sm1.sm1.` + stolen[4:] + `?></r>`,
		`<r a="` + stolen + `"/>`, `<r a='` + u(stolen, 1) + `'/>`, `<r xmlns:p="` + stolen + `"/>`, `<r xmlns="` + u(stolen) + `"/>`, `<r a="` + text + stolen + `"/>`,
		`<` + stolen + `/>`, `<r ` + stolen + `=""/>`, `<r xmlns:` + stolen + `="u"/>`, `<r xmlns:p="u" p:` + stolen + `="u"/>`,
		`<r><seal>` + stolen + `</seal></r>`, `<r><seal>x<b a="` + stolen + `"/></seal></r>`, `<r><open><a>` + stolen + `</a></open></r>`, `<r><open>` + stolen + `<a/></open></r>`, `<r><open><a/>` + stolen + `</open></r>`,
		`<r><open b="` + stolen + `"/></r>`, `<r><kept>` + u(stolen, 1) + `</kept></r>`, `<r><kept><![CDATA[` + stolen + `]]></kept></r>`,
	} {
		cases = append(cases, guardCase{refused, codec.EnvelopeFound})
	}
	for _, taken := range []string{
		`<r><open>` + stolen + `</open></r>`, `<r><open>` + u(stolen) + `</open></r>`, `<r><open>x<![CDATA[` + stolen + `]]></open></r>`, `<r open="` + stolen + `"/>`, `<r open='` + u(stolen) + `'/>`,
		`<r><kept>x ` + stolen + `</kept></r>`, `<r>` + stolen[:codec.HeadLen-1] + `</r>`, `<r>` + stolen[:9] + ` ` + stolen[9:] + `</r>`, `<r>` + stolen[:9] + `<a/>` + stolen[9:] + `</r>`,
		`<r><![CDATA[` + stolen[:9] + `]` + stolen[9:] + `]]></r>`, `<r>` + stolen[:9] + `</r><!--` + stolen[9:] + `-->`, `<r a="` + stolen[:9] + `" b="` + stolen[9:] + `"/>`, `<r>` + strings.Replace(stolen, "A", "B", 1) + text + `</r>`,
		`<r><![CDATA[` + u(stolen, 0) + `]]></r>`, `<r><!--` + u(stolen, 0) + `--></r>`,
	} {
		cases = append(cases, guardCase{taken, ""})
	}
	checkGuard(t, sel, cases)
	checkGuard(t, mustSelect(t, []codec.Rule{{Path: "$.seal"}}), []guardCase{{`<r a="` + stolen + `">` + stolen + `<!--` + stolen + `--></r>`, ""}})
}

// TestHoldsEnvelope: what a field hides is found.
func TestHoldsEnvelope(t *testing.T) {
	for value, want := range map[string]bool{
		stolen: true, "x" + u(stolen): true, stolen[:9] + "<![CDATA[" + stolen[9:] + "]]>": true, `<b a="` + u(stolen, 2) + `"/>`: true, "<b>" + stolen + "</b>": true,
		stolen[:9] + "<b/>" + stolen[9:]: false, "<![CDATA[" + u(stolen, 1) + "]]>": false, "": false, "x": false,
	} {
		f := codec.Field{Kind: codec.Raw, Value: append([]byte{byte(codec.XMLContent)}, value...)}
		if got := holdsEnvelope(&f, isHead); got != want {
			t.Errorf("%s: %t", value, got)
		}
	}
}

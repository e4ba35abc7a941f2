package csv

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// stolen is an envelope as short as they come.
var stolen = "sm1.A" + strings.Repeat("Qb-_", 11)

func isHead(text []byte) bool { return text[len("sm1.")] == 'A' }

// TestEnvelopes: an envelope is refused in every field and name, wherever the
// body is cut, unless a rule takes it.
func TestEnvelopes(t *testing.T) {
	sel := codectest.Select(t, codec.Rule{Path: "$[*].open", Open: true}, codec.Rule{Path: "$[*].keep", Envelopes: true}, codec.Rule{Path: "$[*].seal"}).
		Guarded(codec.Guard{Envelope: isHead})
	pad := strings.Repeat("some other text. ", 20)
	for body, want := range map[string]codec.Code{
		"open,keep,seal,x\n" + stolen + "," + stolen + ",1,2\n":               "",
		"open,keep,seal,x\n\"" + pad + stolen + "\"," + pad + stolen + ",1,2": "",
		"open,keep,seal,x\n1,2," + stolen + ",3\n":                            codec.EnvelopeFound,
		"open,keep,seal,x\n1,2,3," + stolen + "\n":                            codec.EnvelopeFound,
		"open,keep,seal,x\n1,2,3," + stolen:                                   codec.EnvelopeFound,
		"open,keep,seal,x\n1,2,3,\"a\"\"" + stolen + "\"\n":                   codec.EnvelopeFound,
		"open,keep,seal,x\n1,2,3," + pad + stolen + pad + "\n4,5,6,7\n":       codec.EnvelopeFound,
		"open,keep,seal,x\n1,2,\"" + pad + stolen + pad + "\",3\n":            codec.EnvelopeFound,
		"open," + stolen + "\n1,2\n":                                          codec.EnvelopeFound,
		"open,\"a\n" + pad + stolen + "\"\n1,2\n":                             codec.EnvelopeFound,
		"x,y\nsm1.,A" + strings.Repeat("Q", 50) + "\n":                        "",
		"x,y\n\"sm1.\"\"A" + strings.Repeat("Q", 50) + "\",1\n":               "",
		"x,y\nsm1.B" + strings.Repeat("Q", 50) + ",1\n":                       "",
	} {
		for _, cuts := range codectest.Cuttings(len(body)) {
			_, err := codectest.Rewrite(&Format, sel, codectest.Keep, codec.Limits{}, body, cuts)
			e, _ := errors.AsType[*codec.Error](err)
			if want == "" && err != nil || want != "" && (e == nil || e.Code != want) {
				t.Fatalf("%q cut at %v: %v", body, cuts, err)
			}
		}
	}
}

package codec_test

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// TestExampleFormat holds the example to what every format is held to.
func TestExampleFormat(t *testing.T) {
	codectest.Run(t, &pairsFormat, codectest.Corpus{
		Rules: []codec.Rule{{Path: "$.ssn"}, {Path: "$.email", Unescape: true}},
		Bodies: []string{
			"", "name=Ada\n", "ssn=078-05-1120\n", "ssn=\nssn=a=b\nemail=no line end", "x=1\nssn=2\nssnx=3\nSSN=4\nemail=5\n",
		},
		Refused: []string{
			"\n", "=CANARY\n", "ssn", "ssn\n", "ssn=CANARY\n\n", "ssn=CANARY\r\n", "ssn=CANARY\x00", "ssn=CANARY\xc3\xa9", "\ufeffssn=CANARY", "ssn=1\nCANARY",
		},
		Value:  func(n int) string { return "ssn=" + strings.Repeat("v", n) + "\n" },
		Many:   func(n int) string { return strings.Repeat("ssn=x\n", n) },
		Named:  func(n int) string { return strings.Repeat("n", n) + "=\n" },
		Called: func(name string) string { return "x=\n" + name + "=1\n" },
		Pad:    func(body string, n int) string { return body[:len(body)-1] + strings.Repeat("x", n) + "\n" },
	})
}

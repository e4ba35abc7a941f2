package proxy

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The table of refusals in docs/refusals.md has every code, each with its
// status, and no other.
func TestDocsHaveEveryRefusal(t *testing.T) {
	b, err := os.ReadFile("../docs/refusals.md")
	must(t, err)
	_, section, _ := strings.Cut(string(b), "# Refusals\n")
	section, _, _ = strings.Cut(section, "\n## ")
	row := regexp.MustCompile(`(?m)^\| (` + "`[a-z_`, ]+`" + `) \| (\d{3}) \|`)
	status := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		n, err := strconv.Atoi(m[2])
		must(t, err)
		for code := range strings.SplitSeq(m[1], ", ") {
			code = strings.Trim(code, "`")
			if _, twice := status[code]; twice {
				t.Errorf("%s is listed twice", code)
			}
			status[code] = n
		}
	}
	for code, a := range codeReplies {
		if status[code] != a.request {
			t.Errorf("%s is answered with %d; docs/refusals.md says %d (0: nothing)", code, a.request, status[code])
		}
		delete(status, code)
	}
	for code := range status {
		t.Errorf("nothing is refused with %s", code)
	}
}

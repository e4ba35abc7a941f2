package services

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// canary is a value that no service may see. note is a text with it that every
// encoding writes in another way.
const (
	canary = "078-05-1120"
	note   = "a & b+c=d; \r\n" + canary + " é"
)

// said is a line that a client has printed: what it got, after redirects.
type said struct {
	Client string
	Status int
	Body   json.RawMessage
	Text   string
	Cookie string
}

// run runs a client of testdata and returns what it says. It skips the test
// where Java or Chromium is missing, which we do not install.
func run(t *testing.T, args ...string) []said {
	t.Helper()
	for i, name := range args {
		if name == "java" || name == "chromium" {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("%s is not on this machine: %v", name, err)
			}
			args[i] = path
		}
	}
	out, err := program(t, args...).Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	var all []said
	for line := range strings.Lines(string(out)) {
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, s)
	}
	return all
}

// read reads JSON from url into to.
func read(t *testing.T, url string, to any) {
	t.Helper()
	decode(t, get(t, url), to)
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(body)
}

// sealed reports whether each text is one envelope.
func sealed(texts ...string) bool {
	for _, s := range texts {
		if !strings.HasPrefix(s, "sm1.") || strings.ContainsAny(s, " \r\n") {
			return false
		}
	}
	return true
}

// neverSaw checks that no byte that the service was sent is of the canary.
func (s *stack) neverSaw(t *testing.T) {
	t.Helper()
	sent := s.tap.taken()
	if i := strings.Index(sent, canary); i >= 0 {
		t.Errorf("the service was sent a value in clear: %.300s", sent[max(0, i-150):])
	}
	if !strings.Contains(sent, "sm1.") {
		t.Error("the service was sent no envelope")
	}
}

package services

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A record is a person as people.py keeps it.
type record struct {
	Name, SSN, Note string
	Photo           struct {
		Name  string
		Bytes int
	}
	Fields []string
}

// A web application in Django: forms in both encodings, with CSRF tokens and
// redirects, a search by GET, a log-in that sets a cookie, and exports as CSV.
func TestPeople(t *testing.T) {
	s := newStack(t, "people.yaml", "python", "people.py")
	people := 0
	for _, args := range [][]string{
		{"python", "client.py", s.envoy},
		{"sh", "curl.sh", s.envoy},
		{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "Client.java", s.envoy},
		{"node", "browser.js", s.envoy, "chromium"},
	} {
		t.Run(args[0], func(t *testing.T) {
			for _, got := range run(t, args...) {
				people += s.check(t, got)
			}
		})
	}
	s.neverSaw(t)
	t.Run("exports", func(t *testing.T) { s.exports(t, people) })
}

// check checks what a client got from a form, and what the service has kept. It
// returns 1 if that is a person.
func (s *stack) check(t *testing.T, got said) int {
	t.Helper()
	if got.Status != 200 {
		t.Errorf("%s: status %d: %s%s", got.Client, got.Status, got.Body, got.Text)
		return 0
	}
	what := got.Client[strings.LastIndexByte(got.Client, ' ')+1:]
	switch what {
	case "search":
		var page struct {
			Asked string
			Found []int
		}
		decode(t, string(got.Body), &page)
		if page.Asked != canary || len(page.Found) == 0 {
			t.Errorf("%s: %s", got.Client, got.Body)
		}
	case "log-in":
		var page struct{ SSN, Theme string }
		decode(t, string(got.Body), &page)
		if page.SSN != canary || page.Theme != "dark" || got.Cookie != "" && got.Cookie != canary {
			t.Errorf("%s: %s, cookie %s", got.Client, got.Body, got.Cookie)
		}
	case "page":
		if !strings.Contains(got.Text, "sm1.") {
			t.Errorf("%s: a page is not read, and shows envelopes: %s", got.Client, got.Text)
		}
	default:
		var r record
		decode(t, string(got.Body), &r)
		if r.SSN != canary || r.Note != note || what == "multipart" && r.Photo.Name != "été (1).png" || r.Fields[0] != "csrfmiddlewaretoken" {
			t.Errorf("%s: %s", got.Client, got.Body)
		}
		return 1
	}
	return 0
}

// exports reads all that the service has kept, in its three files.
func (s *stack) exports(t *testing.T, people int) {
	for path, delimiter := range map[string]string{"/export.csv": ",", "/excel.csv": ";", "/archive.csv": ","} {
		through, kept := get(t, s.envoy+path), get(t, s.service+path)
		row := strings.Join([]string{canary, `"` + note + `"`}, delimiter)
		if strings.Count(through, row) != people || strings.HasPrefix(kept, "\ufeff") != strings.HasPrefix(through, "\ufeff") {
			t.Errorf("%s: %d people, and %.500s", path, people, through)
		}
		if strings.Contains(kept, canary) || strings.Count(kept, "sm1.") != 2*people {
			t.Errorf("%s has values in clear: %.500s", path, kept)
		}
	}
	var kept record
	read(t, s.service+"/people/"+strconv.Itoa(people)+".json", &kept)
	if !sealed(kept.SSN, kept.Note) || slices.Contains(kept.Fields, canary) {
		t.Errorf("the service has kept %+v", kept)
	}
	if size, err := os.Stat(filepath.Join("testdata", "photo.png")); err != nil || kept.Photo.Name != "" && int64(kept.Photo.Bytes) <= size.Size() {
		t.Errorf("the photo was not sealed: %+v", kept.Photo)
	}
}

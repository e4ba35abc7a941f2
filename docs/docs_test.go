// Package docs holds the project's pages. Its tests hold every page of the
// repository against the files, the commands and the names that it speaks of.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const root = ".."

// A page is one Markdown file.
type page struct {
	path  string // from the root
	text  string
	lines []line
}

// A line of a page. Lines of code are those of fenced and indented blocks.
type line struct {
	number int
	text   string
	code   bool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	must(t, err)
	return string(b)
}

// pages returns every Markdown file of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "build", "testdata", "results", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			path, err = filepath.Rel(root, path)
			must(t, err)
			text := read(t, path)
			all = append(all, page{path, text, split(text)})
		}
		return nil
	}))
	if len(all) < 10 {
		t.Fatalf("%d pages", len(all))
	}
	return all
}

// split finds the lines of code: fenced, or indented behind an empty line.
func split(text string) []line {
	var lines []line
	var fenced, indented, empty bool
	for i, s := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(s), "```") {
			fenced = !fenced
			continue
		}
		indented = strings.HasPrefix(s, "    ") && (indented || empty)
		empty = s == ""
		lines = append(lines, line{i + 1, s, fenced || indented})
	}
	return lines
}

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#+ (.*)$`)
)

// Every relative link leads to a file, and every anchor to a heading.
func TestLinks(t *testing.T) {
	anchors := map[string][]string{}
	all := pages(t)
	for _, p := range all {
		anchors[p.path] = anchorsOf(p)
	}
	for _, p := range all {
		for _, l := range p.lines {
			for _, m := range link.FindAllStringSubmatch(l.text, -1) {
				if l.code || strings.Contains(m[1], "://") {
					continue
				}
				path, anchor, _ := strings.Cut(m[1], "#")
				target := filepath.Join(filepath.Dir(p.path), path)
				if path == "" {
					target = p.path
				}
				if _, err := os.Stat(filepath.Join(root, target)); err != nil {
					t.Errorf("%s:%d: no file %s", p.path, l.number, target)
				} else if anchor != "" && !slices.Contains(anchors[target], anchor) {
					t.Errorf("%s:%d: %s has no heading #%s", p.path, l.number, target, anchor)
				}
			}
		}
	}
}

// anchorsOf returns the anchors that GitHub gives the headings of a page.
func anchorsOf(p page) []string {
	var anchors []string
	seen := map[string]int{}
	for _, l := range p.lines {
		m := heading.FindStringSubmatch(l.text)
		if m == nil || l.code {
			continue
		}
		a := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, m[1])
		if n := seen[a]; n > 0 {
			anchors = append(anchors, a+"-"+strconv.Itoa(n))
		} else {
			anchors = append(anchors, a)
		}
		seen[a]++
	}
	return anchors
}

// Every page of this folder is reached from the README or from a page that is.
func TestEveryPageIsLinked(t *testing.T) {
	reached := map[string]bool{"README.md": true}
	for again := true; again; {
		again = false
		for _, p := range pages(t) {
			for _, m := range link.FindAllStringSubmatch(p.text, -1) {
				path, _, _ := strings.Cut(m[1], "#")
				target := filepath.Join(filepath.Dir(p.path), path)
				if reached[p.path] && filepath.Ext(target) == ".md" && !reached[target] {
					reached[target], again = true, true
				}
			}
		}
	}
	for _, p := range pages(t) {
		if strings.HasPrefix(p.path, "docs/") && !reached[p.path] {
			t.Errorf("no page leads to %s", p.path)
		}
	}
}

const maxWidth = 100 // columns of prose

// Prose is wrapped. Tables, code and words without a space are as wide as they are.
func TestProseIsWrapped(t *testing.T) {
	for _, p := range pages(t) {
		for _, l := range p.lines {
			if !l.code && !strings.HasPrefix(l.text, "|") && utf8.RuneCountInString(l.text) > maxWidth {
				t.Errorf("%s:%d: %d columns, at most %d", p.path, l.number, utf8.RuneCountInString(l.text), maxWidth)
			}
		}
	}
}

package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"
)

// A goldenCase is one policy file of testdata and what the loader says of it.
type goldenCase struct {
	name, src, want string
}

// goldenEnv is the environment of every case.
func goldenEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"PORT": "9000", "EMPTY": "", "PIN": "do-not-show-me", "SUITE": "do-not-show-me", "LIMIT": "12", "DAY": "2000-02-01",
	}[name]
	return v, ok
}

var goldenFiles = files(map[string]string{
	"/etc/sealmesh/lookup.record": "smk1.AAAA\n",
	"/etc/sealmesh/pin":           "do-not-show-me\r\n",
	"/etc/sealmesh/empty":         "",
})

// load loads src at midnight of 2000-01-01 UTC, when every bubble begins.
func load(t *testing.T, src string) (p *Policy, err error) {
	synctest.Test(t, func(*testing.T) {
		p, err = Load("policy.yaml", []byte(src), goldenEnv, goldenFiles)
	})
	return p, err
}

// says is all that the loader has to say of a file.
func says(p *Policy, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, w := range p.Warnings {
		b.WriteString("warning: " + w.Error() + "\n")
	}
	return b.String()
}

// TestGolden reads testdata/*.txtar: files NAME.yaml, each followed by
// NAME.want. Cases of valid.txtar load.
func TestGolden(t *testing.T) {
	for _, file := range goldenArchives(t) {
		a, cases := readArchive(t, file)
		for i, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.name, func(t *testing.T) {
				p, err := load(t, c.src)
				got := says(p, err)
				if *update {
					a.Files[2*i+1].Data = []byte(got)
				} else if got != c.want {
					t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
				}
				if valid := filepath.Base(file) == "valid.txtar"; valid != (err == nil) && filepath.Base(file) != "warnings.txtar" {
					t.Errorf("error %v in %s", err, file)
				}
				checkProblems(t, c.src, p, err)
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func goldenArchives(t testing.TB) []string {
	t.Helper()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return archives
}

func readArchive(t testing.TB, file string) (*txtar.Archive, []goldenCase) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var in []txtar.File
	for _, f := range a.Files {
		in = append(in, f)
		if name, ok := strings.CutSuffix(f.Name, ".yaml"); ok && *update {
			in = append(in, txtar.File{Name: name + ".want"})
		}
	}
	if *update {
		in = withoutStale(in)
	}
	a.Files = in
	var cases []goldenCase
	for i := 0; i+1 < len(in); i += 2 {
		name, ok := strings.CutSuffix(in[i].Name, ".yaml")
		if !ok || in[i+1].Name != name+".want" {
			t.Fatalf("%s: %s is not followed by its .want", file, in[i].Name)
		}
		cases = append(cases, goldenCase{name, string(in[i].Data), string(in[i+1].Data)})
	}
	return a, cases
}

// withoutStale drops the .want files that an update replaces.
func withoutStale(in []txtar.File) []txtar.File {
	var out []txtar.File
	for i, f := range in {
		if strings.HasSuffix(f.Name, ".want") && (i == 0 || !strings.HasSuffix(in[i-1].Name, ".yaml")) {
			continue
		}
		out = append(out, f)
	}
	return out
}

// checkProblems holds what is true of every outcome: an error is a non-empty
// Problems, every position is in the file, nothing shows a secret.
func checkProblems(t *testing.T, src string, p *Policy, err error) {
	t.Helper()
	var all []Problem
	if err != nil {
		ps, ok := errors.AsType[Problems](err)
		if !ok || len(ps) == 0 || p != nil {
			t.Fatalf("policy %v, error %T %v", p, err, err)
		}
		all = ps
	} else {
		all = p.Warnings
	}
	lines := strings.Split(src, "\n")
	for _, q := range all {
		if q.Line < 1 || q.Line > len(lines) || q.Column < 1 || q.Column > len([]rune(lines[q.Line-1]))+1 {
			t.Errorf("position %d:%d is not in the file", q.Line, q.Column)
		}
		if q.Message == "" || strings.Contains(q.Error(), "do-not-show-me") {
			t.Errorf("bad message: %v", q)
		}
	}
}

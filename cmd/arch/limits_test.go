package arch

import (
	"fmt"
	"go/ast"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What fits on a screen can be reviewed with confidence.
const (
	maxFiles         = 20  // of a package
	maxFileLines     = 300 // one file holds one idea
	maxFunctionLines = 62
	maxMethods       = 20 // of a type
	maxCommentWidth  = 80 // columns; a tab counts as one
)

// morePackageFiles lists the packages that may have more files than maxFiles.
var morePackageFiles = map[string]int{
	"proxy":        25, // phases of one exchange
	"proxy/policy": 23, // one compiler
}

// moreMethods lists the types that may have more methods than maxMethods. The
// numbers may only fall.
var moreMethods = map[string]int{
	"codec/json.scanner":     41, // one state machine: JSON tokens
	"codec/xml.scanner":      33, // one state machine: XML tokens
	"hsm/awskms.Provider":    21, // one service
	"hsm/pkcs11.provider":    25, // one service
	"hsm/pkcs11.token":       21, // one token and its sessions
	"proxy/envoycheck.check": 35, // reports all findings at once
}

// wideComments is how many comment lines below a folder are still wider than
// maxCommentWidth. The numbers may only fall.
var wideComments = map[string]int{
	"bench":    0,
	"cmd":      0,
	"codec":    16,
	"hsm":      40,
	"keycache": 24,
	"proxy":    1,
}

func TestPackagesAreSmall(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if n, most := len(p.GoFiles)+len(p.CgoFiles), max(maxFiles, morePackageFiles[path]); n > most {
			t.Errorf("%s: %d files, at most %d: does it hold two packages?", path, n, most)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, p := range packages(t) {
		set, files := parsed(t, p)
		for _, f := range files {
			file := set.File(f.Pos())
			name := filepath.Join(strings.TrimPrefix(p.ImportPath, module), filepath.Base(file.Name()))
			if n := file.LineCount(); n > maxFileLines && !isSupport(filepath.Dir(name)) {
				t.Errorf("%s: %d lines, at most %d", name, n, maxFileLines)
			}
			for _, decl := range f.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, at most %d", name, fn.Name.Name, n, maxFunctionLines)
				}
				if fn.Name.Name == "init" && fn.Recv == nil {
					t.Errorf("%s: init(): initialize where the value is used", name)
				}
			}
		}
	}
}

func TestTypesAreSmall(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if isSupport(path) {
			continue
		}
		methods := map[string]int{}
		_, files := parsed(t, p)
		for _, f := range files {
			for _, decl := range f.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv != nil {
					methods[path+"."+receiver(fn)]++
				}
			}
		}
		for typ, n := range methods {
			if most := max(maxMethods, moreMethods[typ]); n > most {
				t.Errorf("%s: %d methods, at most %d: does it do two things?", typ, n, most)
			}
		}
	}
}

func TestCommentsAreNarrow(t *testing.T) {
	wide, files := map[string]int{}, map[string][]string{}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		folder := longestPrefix(path, wideComments)
		for _, name := range append(p.GoFiles, p.CgoFiles...) {
			n := 0
			for line := range strings.Lines(read(t, filepath.Join(p.Dir, name))) {
				if isWide(line) {
					n++
				}
			}
			if n > 0 {
				wide[folder] += n
				files[folder] = append(files[folder], fmt.Sprintf("%s: %d", filepath.Join(path, name), n))
			}
		}
	}
	for folder, n := range wide {
		if most := wideComments[folder]; n > most {
			t.Errorf("%q: %d comment lines are wider than %d columns, at most %d may be:\n%s", folder, n, maxCommentWidth, most, strings.Join(files[folder], "\n"))
		}
	}
	if testing.Verbose() {
		t.Log(wide)
	}
}

// isWide reports whether line is a comment that is too wide. Directives cannot
// be wrapped.
func isWide(line string) bool {
	line = strings.TrimRight(line, "\n")
	text := strings.TrimLeft(line, "\t ")
	return strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "//go:") && utf8.RuneCountInString(line) > maxCommentWidth
}

// longestPrefix returns the longest folder in m that is path or above it, or
// "".
func longestPrefix(path string, m map[string]int) string {
	best := ""
	for folder := range m {
		if (path == folder || strings.HasPrefix(path, folder+"/")) && len(folder) > len(best) {
			best = folder
		}
	}
	return best
}

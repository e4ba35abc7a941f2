package proxy

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Every code has an answer in every shape, and no answer says more than its
// code.
func TestAnswers(t *testing.T) {
	for code := range codeReplies {
		for _, response := range []bool{false, true} {
			im := immediate(code, "", response, false)
			if response && im.Status != 502 && im.Status != 503 {
				t.Errorf("%s: a refused response is %d", code, im.Status)
			}
			if im.Status < 400 || !strings.Contains(string(im.Body), `"code":"`+code+`"`) {
				t.Errorf("%s: %d %s", code, im.Status, im.Body)
			}
			if !slices.ContainsFunc(im.Headers, func(h wire.Header) bool { return h.Name == "content-type" && h.Value == "application/problem+json" }) {
				t.Errorf("%s: %v", code, im.Headers)
			}
			if im := immediate(code, "", response, true); im.GRPCStatus <= 0 || string(im.Body) != code {
				t.Errorf("%s: gRPC status %d, message %q", code, im.GRPCStatus, im.Body)
			}
		}
	}
}

// A client is told which format is not read, and nothing else of a cause.
func TestDetail(t *testing.T) {
	err := refuseFormat("CBOR", errors.New("secret"))
	if im := immediate(codeOf(err), detailOf(err, false), false, false); im.Status != 415 || !strings.Contains(string(im.Body), `"detail":"sealmesh does not read CBOR"`) || strings.Contains(string(im.Body), "secret") {
		t.Errorf("%d %s", im.Status, im.Body)
	}
	if d := detailOf(refuse(codePath, errors.New("secret")), false); d != "" {
		t.Errorf("detail %q", d)
	}
	bad := &codec.Error{Format: "csv", Code: codec.Malformed, Offset: 7, Detail: "a quote"}
	if d := detailOf(bad, false); d != "csv, at byte 7: a quote" {
		t.Errorf("of a request: detail %q", d)
	}
	if d := detailOf(bad, true); d != "" {
		t.Errorf("of a response: detail %q", d)
	}
	bad.Code = codec.WrongKind
	if d := detailOf(bad, false); d != "" {
		t.Errorf("of an opened value: detail %q", d)
	}
}

// What a format says of a media type before it has seen a body is no fault of
// the body.
func TestParametersThatAFormatRefuses(t *testing.T) {
	f := &codec.Format{Name: "odd", Writer: func(codec.Body) (codec.Writer, error) {
		return nil, &codec.Error{Format: "odd", Code: codec.Malformed, Detail: "no boundary"}
	}}
	sel, err := codec.NewSelector(nil)
	must(t, err)
	w := rewriter{plan: &plan{Plan: &policy.Plan{Selector: sel}}}
	if err := w.read(codec.Detected{Format: f}, codec.Body{}); codeOf(err) != string(codec.BadParams) {
		t.Errorf("%v", err)
	}
}

// Every code of ours, of codec's and every reason of keycache's has its place
// in the table: as the source declares them, so that a new one cannot be
// forgotten.
func TestAnswersAreComplete(t *testing.T) {
	ours := constants(t, "refuse.go", func(name, _ string) bool { return strings.HasPrefix(name, "code") })
	for _, code := range ours {
		if _, ok := codeReplies[code]; !ok {
			t.Errorf("%s has no answer", code)
		}
	}
	codecs := constants(t, "../codec/errors.go", func(_, typ string) bool { return typ == "Code" })
	for _, code := range codecs {
		if got := codeOf(&codec.Error{Code: codec.Code(code)}); codeReplies[got].request == 0 || got != code {
			t.Errorf("codec's %s becomes %s", code, got)
		}
	}
	reasons := constants(t, "../keycache/errors.go", func(_, typ string) bool { return typ == "Reason" })
	for _, reason := range reasons {
		if code := codeOf(&keycache.Error{Reason: keycache.Reason(reason)}); codeReplies[code].request == 0 || code == codeInternal {
			t.Errorf("keycache's %s becomes %s", reason, code)
		}
	}
	if len(ours) == 0 || len(codecs) == 0 || len(reasons) == 0 {
		t.Errorf("found %d, %d and %d constants", len(ours), len(codecs), len(reasons))
	}
}

// constants returns the string constants of a file that want takes by name and
// type.
func constants(t *testing.T, file string, want func(name, typ string) bool) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	must(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		typ, _ := spec.Type.(*ast.Ident)
		name := ""
		if typ != nil {
			name = typ.Name
		}
		if ok && lit.Kind == token.STRING && want(spec.Names[0].Name, name) {
			v, err := strconv.Unquote(lit.Value)
			must(t, err)
			values = append(values, v)
		}
		return true
	})
	return values
}

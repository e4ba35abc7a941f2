package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parsed is the files of a package.
func parsed(t *testing.T, p goPackage) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		must(t, err)
		if !ast.IsGenerated(f) {
			files = append(files, f)
		}
	}
	return set, files
}

// Every exported name says what it is.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		set, files := parsed(t, p)
		for _, f := range files {
			if f.Name.Name == "main" {
				continue
			}
			for _, decl := range f.Decls {
				for _, name := range undocumented(f, decl) {
					t.Errorf("%s: %s is exported and has no comment", set.Position(name.Pos()), name.Name)
				}
			}
		}
	}
}

// undocumented returns the exported names that decl leaves without a comment.
// One on a group is enough for what is in it, and String, Error and such need
// none.
func undocumented(f *ast.File, decl ast.Decl) []*ast.Ident {
	var bare []*ast.Ident
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && !inGroup(f, d) && !(d.Recv != nil && (implied[d.Name.Name] || !ast.IsExported(receiver(d)))) {
			bare = append(bare, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil {
					bare = append(bare, s.Name)
				}
			case *ast.ValueSpec:
				values := d.Tok == token.CONST && d.Specs[0].(*ast.ValueSpec).Type != nil // of a type that says what they are
				if s.Names[0].IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil && !values {
					bare = append(bare, s.Names[0])
				}
			}
		}
	}
	return bare
}

// inGroup reports whether fn stands directly below a documented function, on
// the next line, and so shares its comment.
func inGroup(f *ast.File, fn *ast.FuncDecl) bool {
	i := slices.Index(f.Decls, ast.Decl(fn))
	return i > 0 && f.Decls[i-1].End()+1 == fn.Pos()
}

// implied are methods whose interface says what they do.
var implied = map[string]bool{"String": true, "Error": true, "Unwrap": true, "Is": true, "Close": true, "GoString": true,
	"Format": true, "LogValue": true, "ServeHTTP": true, "MarshalText": true, "MarshalJSON": true}

func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// No package keeps state: what a function changes, somebody handed it.
func TestNoPackageState(t *testing.T) {
	for _, p := range packages(t) {
		set, files := parsed(t, p)
		global := map[string]*ast.ValueSpec{}
		for _, f := range files {
			for _, decl := range f.Decls {
				d, ok := decl.(*ast.GenDecl)
				if !ok || d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					s := spec.(*ast.ValueSpec)
					for _, name := range s.Names {
						global[name.Name] = s
					}
					if typ, ok := s.Type.(*ast.SelectorExpr); ok && isState(typ) {
						t.Errorf("%s: package state: %s", set.Position(s.Pos()), s.Names[0].Name)
					}
				}
			}
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				for _, changed := range changes(n) {
					name := root(changed)
					if name == nil || name.Name == "_" || global[name.Name] == nil || p.ImportPath+"."+name.Name == loaded {
						continue
					}
					if name.Obj == nil || name.Obj.Decl == global[name.Name] {
						t.Errorf("%s: changes the package's %s", set.Position(name.Pos()), name.Name)
					}
				}
				return true
			})
		}
	}
}

// loaded is the one exception: a process can load a C library once, and must
// not initialise it twice.
const loaded = module + "hsm/pkcs11.modules"

// isState reports whether a variable of that type is there to change. Pools
// keep nothing, and a Once makes one thing once.
func isState(typ *ast.SelectorExpr) bool {
	x, ok := typ.X.(*ast.Ident)
	return ok && (x.Name == "atomic" || x.Name == "sync" && !strings.HasPrefix(typ.Sel.Name, "Pool") && typ.Sel.Name != "Once")
}

// changes returns what n assigns to.
func changes(n ast.Node) []ast.Expr {
	switch s := n.(type) {
	case *ast.AssignStmt:
		if s.Tok != token.DEFINE {
			return s.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{s.X}
	}
	return nil
}

func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

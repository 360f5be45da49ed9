package svm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// Every error code of the program is wanted by some test here.
func TestEveryCodeIsTried(t *testing.T) {
	tried := map[string]bool{}
	tests, err := filepath.Glob("*_test.go")
	must(t, err)
	for _, file := range tests {
		visit(t, file, func(n ast.Node) {
			if s, ok := n.(*ast.SelectorExpr); ok {
				tried[s.Sel.Name] = true
			}
		})
	}
	codes := 0
	visit(t, "../vault/errors.go", func(n ast.Node) {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return
		}
		codes++
		if !tried[v.Names[0].Name] {
			t.Errorf("no test wants %s", v.Names[0].Name)
		}
	})
	equal(t, codes, 52)
}

func visit(t *testing.T, file string, see func(ast.Node)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	must(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		see(n)
		return true
	})
}

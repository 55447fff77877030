package arch

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/api anew")

// Each public package's exported declarations are kept in testdata/api, so that a change of the API shows in the review as what it
// is. After one that is meant: go test ./internal/arch -update
func TestTheAPIIsTheOneWrittenDown(t *testing.T) {
	var written []string
	for _, dir := range packages(sources(t)) {
		if !public(dir) {
			continue
		}
		golden := filepath.Join("testdata", "api", strings.ReplaceAll(dir, "/", "_")+".txt")
		written = append(written, golden)
		got := api(t, dir)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		if assert.NoError(t, err, "a new package: go test ./internal/arch -update") {
			assert.Empty(t, changes(string(want), string(got)), "the API of %s has changed; if that is meant: go test ./internal/arch -update", dir)
		}
	}
	files, err := filepath.Glob("testdata/api/*.txt")
	require.NoError(t, err)
	slices.Sort(written)
	assert.Equal(t, written, files, "a file for each public package and no other")
}

// changes returns the lines that only one of the texts has, or both texts where only their order differs.
func changes(was, is string) []string {
	if was == is {
		return nil
	}
	var all []string
	before, after := strings.Split(was, "\n"), strings.Split(is, "\n")
	for _, line := range before {
		if !slices.Contains(after, line) {
			all = append(all, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			all = append(all, "+ "+line)
		}
	}
	if all == nil {
		return []string{was, is}
	}
	return all
}

// api returns the exported declarations of a package, without comments and function bodies, a blank line between two of them.
func api(t *testing.T, dir string) []byte {
	fset := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution) // without comments
		require.NoError(t, err)
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, module+"/"+dir)
	require.NoError(t, err)

	var decls []ast.Decl
	values := func(list []*doc.Value) {
		for _, v := range list {
			decls = append(decls, v.Decl)
		}
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			decls = append(decls, f.Decl)
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	funcs(pkg.Funcs)
	for _, typ := range pkg.Types {
		decls = append(decls, typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		funcs(typ.Methods)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "package %s // import %q\n", pkg.Name, module+"/"+dir)
	for _, decl := range decls {
		var text bytes.Buffer
		require.NoError(t, format.Node(&text, fset, decl))
		formatted, err := format.Source(blankLines.ReplaceAll(text.Bytes(), []byte("\n")))
		require.NoError(t, err)
		fmt.Fprintf(&out, "\n%s\n", formatted)
	}
	return out.Bytes()
}

// blankLines are where a comment or an unexported field was.
var blankLines = regexp.MustCompile(`\n\s*\n`)

// Package arch holds the tests that keep the shape of the library: which package may import which, what it links, what it
// requires, and what it exports. They read the source and ask the go command; nothing here needs a network.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "example.com/podrole"
	root   = "../.."
)

// source is one file of the root module.
type source struct {
	dir, name string // dir is relative to the module's root, with slashes; "." is the root itself
	imports   []string
	tree      *ast.File
}

func (s source) test() bool   { return strings.HasSuffix(s.name, "_test.go") }
func (s source) path() string { return path.Join(s.dir, s.name) }

// sources parses every Go file of the root module, for every operating system, nested modules and testdata left out.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (err == nil || ignored(d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if ignored(d.Name()) || filepath.Ext(name) != ".go" {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s := source{name: d.Name(), dir: path.Dir(filepath.ToSlash(rel)), tree: tree}
		for _, spec := range tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// ignored are the names that the go command passes over.
func ignored(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// packages returns the folders that hold a package that can be imported, sorted.
func packages(all []source) []string {
	var dirs []string
	for _, s := range all {
		if !s.test() {
			dirs = append(dirs, s.dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// public reports whether a user may import the folder's package.
func public(dir string) bool {
	return !under(dir, "internal") && !under(dir, "examples")
}

func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

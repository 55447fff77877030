package arch

import (
	"go/ast"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The modules that the library requires. Nothing else may be imported, and go.mod names these and no other.
const (
	core    = "github.com/aws/aws-sdk-go-v2"
	sts     = "github.com/aws/aws-sdk-go-v2/service/sts"
	smithy  = "github.com/aws/smithy-go"
	jwt     = "github.com/golang-jwt/jwt/v5"
	testify = "github.com/stretchr/testify"
)

var modules = []string{core, sts, smithy, jwt, testify}

// arrows says, for each folder, what its package may import beside the standard library: modules, and folders of this one.
// A folder ending in "/..." stands for all below it. A package that is missing here is a mistake, so that a new one is thought about.
var arrows = map[string][]string{
	"envcreds": {"internal/...", core, smithy},
	"ecs":      {"internal/...", core, smithy},
	"imds":     {"internal/...", core, smithy},
	"cache":    {"internal/...", core, smithy},

	"webidentity":             {"internal/...", core, smithy, sts, jwt},
	"webidentity/trustpolicy": {"internal/redact", jwt},

	"chain": {"internal/...", core, smithy, "cache", "envcreds", "webidentity", "ecs", "imds"},

	// The fakes: users link them into their own tests, so they bring no assertion library and not the package that they stand in for.
	"webidentity/ststest": {"internal/...", "webidentity/trustpolicy", jwt},
	"imds/imdstest":       {"internal/...", core},
	"ecs/ecstest":         {"internal/...", core},
	"chain/chaintest":     {"internal/...", core},

	"internal/...": {"internal/...", core, smithy},
	"examples/...": {"cache/...", "chain/...", "ecs/...", "envcreds/...", "imds/...", "webidentity/...", "internal/...", "examples/...", core, smithy, sts, jwt},
}

// Packages of the standard library that are for tests, or weigh too much: the templates keep the linker from dropping unused methods.
var (
	forTests = []string{"testing", "net/http/httptest", "testing/iotest", "testing/synctest"}
	heavy    = []string{"html/template", "text/template"}
)

func fake(dir string) bool { return strings.HasSuffix(dir, "test") }

// ruleFor returns the folder's row of arrows: its own, or that of the nearest "/..." above it.
func ruleFor(dir string) ([]string, bool) {
	if allowed, ok := arrows[dir]; ok {
		return allowed, true
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if allowed, ok := arrows[dir+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

// target turns an import path into what arrows names it by: a folder of this module, or a module; "" is the standard library.
// ok is false for a module that is not one of ours.
func target(imported string) (name string, ok bool) {
	if rel, found := strings.CutPrefix(imported, module+"/"); found {
		return rel, true
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "", true
	}
	for _, m := range modules {
		if under(imported, m) && len(m) > len(name) {
			name = m
		}
	}
	return name, name != ""
}

func permits(allowed []string, name string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		if top, all := strings.CutSuffix(a, "/..."); all {
			return under(name, top)
		}
		return a == name
	})
}

// offends returns why a file in the folder may not import the path; "" is the good answer.
func offends(dir string, test bool, imported string) string {
	allowed, ok := ruleFor(dir)
	if !ok {
		return "folder " + dir + " has no row in arrows"
	}
	name, ok := target(imported)
	if !ok {
		return imported + " is of no module that the library requires"
	}
	if test {
		// A test may also use its own package, the package that a fake stands in for and what that one uses, a service's own client
		// for example, and every fake. Those of chain, which stands on top, may use all there is.
		if name == testify || fake(name) || under(name, dir) || fake(dir) && (name == path.Dir(dir) || permits(arrows[path.Dir(dir)], name)) || dir == "chain" {
			return ""
		}
	}
	if name != "" && !permits(allowed, name) {
		return dir + " may not import " + imported
	}
	return ""
}

func TestEveryImportFollowsAnArrow(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			assert.Empty(t, offends(s.dir, s.test(), imported), s.path())
		}
	}
}

func TestTheArrowsForbid(t *testing.T) {
	for _, tc := range []struct {
		dir      string
		test     bool
		imported string
		allowed  bool
	}{
		{"chain", false, module + "/cache", true},
		{"chain", false, module + "/internal/guard", true},
		{"chain", false, module + "/webidentity/trustpolicy", false},
		{"chain", false, sts, false},
		{"chain", true, module + "/imds/imdstest", true},
		{"chain", true, module + "/webidentity/trustpolicy", true},
		{"cache", false, module + "/chain", false},
		{"cache", true, module + "/chain", false},
		{"imds", false, module + "/ecs", false},
		{"imds", false, module + "/internal/env", true},
		{"imds", false, "net/http", true},
		{"imds", false, testify + "/require", false},
		{"imds", true, testify + "/require", true},
		{"imds", false, core + "/aws", true},
		{"imds", false, core + "/service/sts", false},
		{"imds", false, "github.com/google/uuid", false},
		{"imds/imdstest", false, module + "/imds", false},
		{"imds/imdstest", true, module + "/imds", true},
		{"imds/imdstest", false, testify + "/assert", false},
		{"webidentity", false, core + "/service/sts/types", true},
		{"webidentity/trustpolicy", false, module + "/internal/env", false},
		{"webidentity/trustpolicy", false, module + "/internal/redact", true},
		{"webidentity/ststest", false, module + "/webidentity/trustpolicy", true},
		{"webidentity/ststest", false, sts, false},
		{"webidentity/ststest", true, sts, true},
		{"imds/imdstest", true, sts, false},
		{"internal/guard", false, module + "/cache", false},
		{"internal/guard", false, sts, false},
		{"examples/incident", false, module + "/chain", true},
		{"examples/incident", false, testify + "/assert", false},
		{"newpackage", false, "net/http", false},
		{".", false, "net/http", false},
	} {
		assert.Equal(t, tc.allowed, offends(tc.dir, tc.test, tc.imported) == "", "%+v", tc)
	}
}

func TestWhatIsForTestsStaysInTests(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || fake(s.dir) || under(s.dir, "examples") || s.dir == "internal/memnet" {
			continue
		}
		for _, imported := range s.imports {
			assert.NotContains(t, forTests, imported, s.path())
			assert.NotEqual(t, module+"/internal/memnet", imported, s.path())
			assert.False(t, strings.HasPrefix(imported, module) && fake(imported), "%s imports the fake %s", s.path(), imported)
		}
	}
}

func TestNoTestSleepsOnTheRealClock(t *testing.T) {
	sleepers, bubbles := map[string][]string{}, map[string]bool{} // by folder
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		if slices.Contains(s.imports, "testing/synctest") {
			bubbles[s.dir] = true
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
					sleepers[s.dir] = append(sleepers[s.dir], s.name)
				}
			}
			return true
		})
	}
	assert.NotEmpty(t, sleepers, "the rule is of no use if nothing is found")
	for dir, files := range sleepers {
		assert.True(t, bubbles[dir], "%s: %v call time.Sleep, and no test there runs in a synctest bubble", dir, files)
	}
}

func TestTheTopFoldersAreThese(t *testing.T) {
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			dirs = append(dirs, e.Name())
		}
	}
	assert.Equal(t, []string{"cache", "chain", "ecs", "envcreds", "examples", "imds", "internal", "webidentity"}, dirs)
}

func TestArrowsHasARowForEachPackageAndNoOther(t *testing.T) {
	dirs := packages(sources(t))
	for _, dir := range dirs {
		_, ok := ruleFor(dir)
		assert.True(t, ok, "no row for %s", dir)
	}
	for row := range arrows {
		top, all := strings.CutSuffix(row, "/...")
		assert.True(t, slices.ContainsFunc(dirs, func(dir string) bool { return dir == top || all && under(dir, top) }), "no package in %s", row)
	}
}

package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goCommand runs the go command in the module's root, without a network.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "GOPROXY=off", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), stderr.String())
	return string(out)
}

func TestTheModuleRequiresTheseFiveAndNoOther(t *testing.T) {
	var mod struct {
		Module  struct{ Path string }
		Go      string
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace, Exclude []any
		Toolchain        string
	}
	require.NoError(t, json.Unmarshal([]byte(goCommand(t, "mod", "edit", "-json")), &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	assert.Equal(t, slices.Sorted(slices.Values(modules)), direct)
	assert.Equal(t, module, mod.Module.Path)
	assert.Equal(t, "1.26.0", mod.Go)
	assert.Empty(t, mod.Toolchain, "a toolchain line is for the one who builds a program")
	assert.Empty(t, mod.Replace, "a replace line does not reach those who import the library")
	assert.Empty(t, mod.Exclude, "an exclude line does not reach those who import the library")
}

func TestNoPackageLinksATemplateEngineNorATestLibrary(t *testing.T) {
	var dirs []string
	for _, dir := range packages(sources(t)) {
		if public(dir) && !fake(dir) {
			dirs = append(dirs, "./"+dir)
		}
	}
	require.Contains(t, dirs, "./chain")
	deps := strings.Fields(goCommand(t, append([]string{"list", "-deps"}, dirs...)...))
	require.Contains(t, deps, core+"/aws", "the list is of no use without the packages that are surely in it")
	for _, dep := range deps {
		assert.NotContains(t, heavy, dep)
		assert.NotContains(t, forTests, dep)
		assert.False(t, under(dep, testify), dep)
	}
}

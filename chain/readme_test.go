package chain_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The quick start is compiled: it is the body of ExampleNewDefault.
func TestTheReadmesQuickStartIsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, quickStart, ok := strings.Cut(string(readme), "## Quick start\n\n```go\n")
	require.True(t, ok)
	quickStart, _, ok = strings.Cut(quickStart, "```")
	require.True(t, ok)
	for line := range strings.Lines(quickStart) {
		if line = strings.TrimSpace(line); line != "" && line != "client := kinesis.NewFromConfig(cfg)" {
			assert.Contains(t, string(source), "\t"+line+"\n")
		}
	}
}

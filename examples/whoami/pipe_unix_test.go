//go:build unix

package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file that nobody writes to, as on a file system that hangs.
func TestAFileThatHangsIsWaitedForNoLongerThanAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	env := map[string]string{roleVar: roleARN, tokenFileVar: path, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}

	got := whoami(t, env, "", "-trust-policy", trust, "-timeout", "50ms")
	assert.Equal(t, statusBad, got.status)
	assert.Contains(t, got.stderr, path+" was not read within 50ms")
	got = whoami(t, env, "", "-trust-policy", path, "-token", canary, "-timeout", "50ms")
	assert.Equal(t, statusBad, got.status)
	got = whoami(t, env, "", "-explain", "-timeout", "50ms")
	assert.Equal(t, statusNone, got.status)
	assert.Contains(t, got.stdout, "no credentials: ")
}

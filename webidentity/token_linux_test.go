package webidentity_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
)

// The token of a container that is not root, without fsGroup: the kubelet gives it to root alone. A thread that acts as somebody else
// stands for the container, since nothing is unreadable to root, as which tests may run.
func TestUnreadableTokenFileAsksForFSGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("token"), 0o600))
	require.NoError(t, os.Chmod(path, 0))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		require.NoError(t, syscall.Setfsuid(65534))
	}
	_, err := webidentity.ReadToken(t.Context(), path)
	if os.Getuid() == 0 {
		require.NoError(t, syscall.Setfsuid(0))
	}
	require.ErrorIs(t, err, os.ErrPermission)
	assert.ErrorContains(t, err, "web identity token file "+path+": permission denied: this process runs as uid ")
	assert.ErrorContains(t, err, ": for a container that is not root set fsGroup in the pod's securityContext")
}

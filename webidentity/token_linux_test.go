package webidentity_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/timeout"
	"example.com/podrole/webidentity"
)

// A pipe that nobody writes to holds up neither the caller nor, once somebody does write, the goroutine that waits for it.
func TestPipeThatNobodyWritesToIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	env := map[string]string{"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": path}
	p := webidentity.New(func(o *webidentity.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		o.Timeout = 20 * time.Millisecond
		o.Logger = slog.New(slog.DiscardHandler)
	})
	for range 5 {
		_, err := p.Retrieve(t.Context())
		var late *timeout.Error
		require.ErrorAs(t, err, &late)
		assert.EqualError(t, err, "web identity: timed out after 20ms (reading "+path+")")
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	assert.Equal(t, 1, strings.Count(string(stacks), "webidentity.readTokenOnce("), "one reading hangs, and not one for each Retrieve")

	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

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

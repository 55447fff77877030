//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// namespace is a network namespace without a way out, whose hosts file maps AWS's names to addresses inside it.
type namespace struct{ name string }

func newNamespace(t *testing.T) *namespace {
	n := &namespace{fmt.Sprintf("podrole-lab-%d", os.Getpid())}
	conf := filepath.Join("/etc/netns", n.name)
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", n.name).Run()
		_ = os.RemoveAll(conf)
	})
	require.NoError(t, os.MkdirAll(conf, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "resolv.conf"), nil, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "hosts"), []byte("127.0.0.1 localhost\n198.51.100.10 "+issuerHost+
		"\n198.51.100.20 sts.us-east-1.amazonaws.com sts.amazonaws.com iam.amazonaws.com\n"), 0o644))
	run(t, "ip", "netns", "add", n.name)
	run(t, "ip", "-n", n.name, "link", "set", "lo", "up")
	for _, address := range []string{"198.51.100.10", "198.51.100.20", "169.254.169.254"} {
		run(t, "ip", "-n", n.name, "addr", "add", address+"/32", "dev", "lo")
	}
	return n
}

// command is a command inside the namespace. It gets no variables but those given.
func (n *namespace) command(env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", n.name, name}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}, env...)
	return cmd
}

// start runs a server inside the namespace until the test ends.
func (n *namespace) start(t *testing.T, env []string, name string, args ...string) {
	cmd := n.command(env, name, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), output.String())
		}
	})
}

// run runs a command to its end and returns its exit status and what it printed.
func (n *namespace) run(t *testing.T, env []string, name string, args ...string) (status int, stdout, stderr string) {
	cmd := n.command(env, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// self runs one of this test binary's own roles, see TestMain.
func self(role string, args ...string) (env []string, name string, all []string) {
	return []string{"PODROLE_LAB=" + role}, must(os.Executable()), args
}

func run(t *testing.T, name string, args ...string) {
	output, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), output)
}

// waitFor polls, from inside the namespace, until something answers at the URL. Starting a server takes real time.
func waitFor(url string) error {
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var resp *http.Response
		if resp, err = http.Get(url); err == nil {
			return resp.Body.Close()
		}
	}
	return err
}

//go:build linux

package linklocal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// namespace is a network namespace with loopback and nothing else; no packet leaves it.
type namespace struct {
	t    *testing.T
	name string
}

var made atomic.Int32

// newNamespace makes a namespace that lives as long as the test, which is skipped where none can be made.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("skipped: network namespaces need the ip command of iproute2: ", err)
	}
	n := &namespace{t, fmt.Sprintf("podrole-ll-%d-%d", os.Getpid(), made.Add(1))}
	if output, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		t.Skipf("skipped: no network namespace can be made here: %s: %s", err, output)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n.name).Run() }) // takes its interfaces with it
	n.ip("link", "set", "lo", "up")
	return n
}

// ip runs the ip command inside.
func (n *namespace) ip(args ...string) {
	n.t.Helper()
	run(n.t, "ip", append([]string{"-n", n.name}, args...)...)
}

// hold gives the namespace addresses: on a dummy interface, on loopback where the kernel has no such thing.
func (n *namespace) hold(addresses ...string) {
	n.t.Helper()
	device := "lo"
	if exec.Command("ip", "-n", n.name, "link", "add", "dummy0", "type", "dummy").Run() == nil {
		device = "dummy0"
		n.ip("link", "set", device, "up")
	}
	for _, address := range addresses {
		if strings.Contains(address, ":") {
			n.ip("-6", "addr", "add", address+"/128", "dev", device, "nodad")
		} else {
			n.ip("addr", "add", address+"/32", "dev", device)
		}
	}
}

// drop makes packets to an address vanish: they go out on a cable with nobody at its other end, and no neighbour is looked for.
func (n *namespace) drop(address string) {
	n.t.Helper()
	n.ip("link", "add", "hole0", "type", "veth", "peer", "name", "hole1")
	n.ip("link", "set", "hole0", "arp", "off", "up")
	n.ip("link", "set", "hole1", "up")
	n.ip("addr", "add", "192.0.2.1/32", "dev", "hole0")
	n.ip("route", "add", address+"/32", "dev", "hole0", "src", "192.0.2.1")
}

// behindARouter returns two namespaces, the second with the addresses given, and a third between them that routes.
func behindARouter(t *testing.T, address string) (near, far *namespace) {
	t.Helper()
	near, far = newNamespace(t), newNamespace(t)
	router := newNamespace(t)
	cable := func(n *namespace, device, own, routers string) {
		run(t, "ip", "link", "add", device, "netns", n.name, "type", "veth", "peer", "name", device, "netns", router.name)
		n.ip("addr", "add", own+"/30", "dev", device)
		router.ip("addr", "add", routers+"/30", "dev", device)
		n.ip("link", "set", device, "up")
		router.ip("link", "set", device, "up")
		n.ip("route", "add", "default", "via", routers)
	}
	cable(near, "pod0", "198.51.100.2", "198.51.100.1")
	cable(far, "imds0", "198.51.100.6", "198.51.100.5")
	far.ip("addr", "add", address+"/32", "dev", "imds0")
	router.ip("route", "add", address+"/32", "via", "198.51.100.6")
	run(t, "ip", "netns", "exec", router.name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	return near, far
}

// command is a command inside, with the variables given and no others.
func (n *namespace) command(env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", n.name, name}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.t.TempDir()}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// serve starts a server inside and waits until it says that it listens.
func (n *namespace) serve(env []string, name string, args ...string) {
	n.t.Helper()
	cmd := n.command(env, name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	require.NoError(n.t, err)
	require.NoError(n.t, cmd.Start())
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line := make([]byte, 256)
	if _, err := out.Read(line); err != nil {
		n.t.Fatalf("%s did not start: %s: %s", name, err, errs.String())
	}
	go func() { // it is not to wait for us
		for {
			if _, err := out.Read(line); err != nil {
				return
			}
		}
	}()
}

// ask lets the providers loose inside and returns what they found.
func (n *namespace) ask(role string, env ...string) map[string]finding {
	n.t.Helper()
	self, err := os.Executable()
	require.NoError(n.t, err)
	cmd := n.command(append(env, "PODROLE_E2E="+role), self)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(n.t, err, errs.String())
	var found map[string]finding
	require.NoError(n.t, json.Unmarshal(out, &found), string(out))
	return found
}

func (n *namespace) play(role string, env ...string) {
	n.t.Helper()
	self, err := os.Executable()
	require.NoError(n.t, err)
	n.serve(append(env, "PODROLE_E2E="+role), self)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), output)
}

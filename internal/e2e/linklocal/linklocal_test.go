//go:build linux

package linklocal

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const address = "169.254.169.254"

// print shows the times of all side by side.
func print(t *testing.T, found map[string]finding) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t.Logf("%-9s %-28s %s", name, found[name], found[name].Error)
	}
}

func TestTheMetadataServiceAtItsRealAddresses(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"IPv4", "IPv6"} {
		t.Run(mode, func(t *testing.T) {
			n := newNamespace(t)
			n.hold(address, "fd00:ec2::254")
			n.play("serve imds", "ADDRESSES="+address+" fd00:ec2::254")
			found := n.ask("ask imds", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="+mode)
			print(t, found)
			for name, f := range found {
				assert.Equal(t, "credentials", f.Class, name)
				assert.Equal(t, found["podrole"].Key, f.Key, name)
			}
			assert.Equal(t, "111122223333", found["podrole"].Account)
		})
	}
}

// The variables are those of a process of its own, since net/http reads them once. What would be for a proxy is refused by the server.
func TestProxyVariablesDoNotMatter(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.hold(address)
	n.play("serve imds", "ADDRESSES="+address)
	found := n.ask("ask imds", "HTTP_PROXY=http://u:p@127.0.0.1:9", "http_proxy=http://u:p@127.0.0.1:9", "AWS_MAX_ATTEMPTS=1")
	print(t, found)
	assert.Equal(t, "credentials", found["podrole"].Class)
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.hold(address)
	found := n.ask("ask imds")
	print(t, found)
	assert.Equal(t, "unavailable", found["podrole"].Class)
	assert.Contains(t, found["podrole"].Error, "connection refused")
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	found := newNamespace(t).ask("ask imds")
	print(t, found)
	assert.Equal(t, "unavailable", found["podrole"].Class)
	assert.Contains(t, found["podrole"].Error, "no route")
}

func TestProhibitedByARoute(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"unreachable", "prohibit"} {
		n := newNamespace(t)
		n.ip("route", "add", kind, address+"/32")
		found := n.ask("ask imds")
		print(t, found)
		assert.Equal(t, "unavailable", found["podrole"].Class, kind)
		assert.Contains(t, found["podrole"].Error, "no route", kind)
	}
}

func TestPacketsAreDropped(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.drop(address)
	found := n.ask("ask imds")
	print(t, found)
	assert.Equal(t, "unavailable", found["podrole"].Class)
	assert.Contains(t, found["podrole"].Error, "timed out")
	assert.NotContains(t, found["podrole"].Error, "hop limit")
}

// The answers to token requests die at the router, as those of an instance with a hop limit of 1 do on their way into a container.
func TestHopLimit(t *testing.T) {
	t.Parallel()
	for limit, class := range map[string]string{"1": "unavailable", "2": "credentials"} {
		t.Run(limit, func(t *testing.T) {
			pod, host := behindARouter(t, address)
			host.play("serve imds", "ADDRESSES="+address, "HOP_LIMIT="+limit)
			found := pod.ask("ask imds")
			print(t, found)
			assert.Equal(t, class, found["podrole"].Class)
			if limit == "1" {
				assert.Contains(t, found["podrole"].Error, "timed out")
				assert.Contains(t, found["podrole"].Error, "status 401")
				assert.Contains(t, found["podrole"].Error, "--http-put-response-hop-limit 2")
			}
		})
	}
}

// The SDK's container provider understands the fake agents too, so they answer as real ones do.
func TestTheContainerAgentsAtTheirRealAddresses(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.hold("169.254.170.2", "169.254.170.23", "fd00:ec2::23")
	token := filepath.Join(t.TempDir(), "eks-pod-identity-token")
	n.play("serve agents", "ADDRESSES=169.254.170.2 169.254.170.23 fd00:ec2::23", "TOKEN_FILE="+token)
	for name, env := range map[string][]string{
		"task":      {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/5b0c9e8e-3c4f-4a52-9d1c-6f1d0b2a7e11"},
		"pod":       {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + token},
		"pod, IPv6": {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::23]/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + token},
	} {
		t.Run(name, func(t *testing.T) {
			found := n.ask("ask container", env...)
			print(t, found)
			for name, f := range found {
				assert.Equal(t, "credentials", f.Class, name)
				assert.Equal(t, found["podrole"].Key, f.Key, name)
			}
		})
	}
}

// Somebody else's metadata service: what it makes of IMDSv2 agrees with what we do.
func TestSomebodyElsesMetadataService(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.hold(address)
	dir := t.TempDir()
	run(t, "go", "build", "-o", dir+"/", "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "aemm.json"), []byte(`{"imdsv2":true,"server":{"hostname":"169.254.169.254","port":"80"},"metadata":{"values":{
		"iam-security-credentials-role":"eks-node","iam-security-credentials":{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC",
		"AccessKeyId":"ASIANODEEXAMPLE00001","SecretAccessKey":"node-secret","Token":"node-session-token","Expiration":"2099-01-01T00:00:00Z"}}}}`), 0o600))
	cmd := n.command(nil, filepath.Join(dir, "ec2-metadata-mock"), "-c", filepath.Join(dir, "aemm.json"))
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	var found map[string]finding
	for range 100 { // it does not say when it listens
		if found = n.ask("ask imds"); found["podrole"].Class != "unavailable" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	print(t, found)
	assert.Equal(t, "credentials", found["podrole"].Class)
	assert.Equal(t, "ASIANODEEXAMPLE00001", found["podrole"].Key)
	assert.Equal(t, "credentials", found["sdk imds"].Class)
}

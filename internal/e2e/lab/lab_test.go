//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary play other roles inside the namespace.
func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv("PODROLE_LAB"); role {
	case "":
		os.Exit(m.Run())
	case "issuer":
		err = serveIssuer(os.Args[1], os.Args[2], os.Args[3])
	case "iam":
		err = setUpIAM(os.Args[1])
	case "wait":
		err = waitFor(os.Args[1])
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer is what whoami prints with -json, as far as the tests read it.
type answer struct {
	Error  string   `json:"error"`
	Notes  []string `json:"notes"`
	Status struct {
		Provider string `json:"provider"`
		Fallback bool   `json:"fallback"`
		Identity struct {
			Account string `json:"account"`
			Role    string `json:"role"`
			Session string `json:"session"`
		} `json:"identity"`
	} `json:"status"`
}

func TestAPodOnTheRealRoad(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("network namespaces need Linux and root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the ip command of iproute2: ", err)
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	run(t, "go", "build", "-o", dir+"/", "github.com/versity/versitygw/cmd/versitygw", "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock")
	run(t, "go", "-C", filepath.Join("..", "..", ".."), "build", "-o", dir+"/", "./examples/whoami")

	ca := newAuthority(t)
	ca.writeCA(t, file("ca.pem"))
	ca.issue(t, file("issuer.pem"), file("issuer.key"), issuerHost)
	ca.issue(t, file("sts.pem"), file("sts.key"), "sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "iam.amazonaws.com")
	signingKey := newSigningKey(t, file("sa.pub"))
	n := newNamespace(t)
	trust := []string{"SSL_CERT_FILE=" + file("ca.pem")}
	wait := func(url string) {
		env, name, args := self("wait", url)
		status, _, errs := n.run(t, append(env, trust...), name, args...)
		require.Zero(t, status, "%s: %s", url, errs)
	}

	env, name, args := self("issuer", file("issuer.pem"), file("issuer.key"), file("sa.pub"))
	n.start(t, env, name, args...)
	wait(issuerURL + "/.well-known/openid-configuration")

	const rootKey, rootSecret = "AKIAROOTEXAMPLE00000", "rootsecretrootsecretrootsecret"
	require.NoError(t, os.Mkdir(file("iam"), 0o755))
	n.start(t, trust, file("versitygw"), "--health", "/healthz", "-p", "198.51.100.20:443", "--cert", file("sts.pem"), "--key", file("sts.key"),
		"-a", rootKey, "-s", rootSecret, "iam", "--dir", file("iam"), "--private-ports", file("iam.sock"), "--disable-oidc-thumbprint-autofetch")
	wait("https://sts.us-east-1.amazonaws.com/healthz")
	env, name, args = self("iam", ca.thumbprint())
	status, _, errs := n.run(t, append(env, append(trust, "AWS_ACCESS_KEY_ID="+rootKey, "AWS_SECRET_ACCESS_KEY="+rootSecret, "AWS_REGION=us-east-1")...), name, args...)
	require.Zero(t, status, errs)

	require.NoError(t, os.WriteFile(file("aemm.json"), []byte(`{"imdsv2":true,"server":{"hostname":"169.254.169.254","port":"80"},"metadata":{"values":{
		"iam-security-credentials-role":"eks-node","iam-security-credentials":{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC",
		"AccessKeyId":"ASIANODEEXAMPLE00001","SecretAccessKey":"node-secret","Token":"node-session-token","Expiration":"2099-01-01T00:00:00Z"}}}}`), 0o644))
	n.start(t, nil, file("ec2-metadata-mock"), "-c", file("aemm.json"))
	wait("http://169.254.169.254/latest/dynamic/instance-identity/document") // answers 401 without a session token: it is up

	webhook := func(serviceAccount, audience string) []string { // what the EKS webhook puts into a pod
		path := file(serviceAccount + ".jwt")
		require.NoError(t, os.WriteFile(path, []byte(token(t, signingKey, serviceAccount, audience)), 0o600))
		return []string{"AWS_ROLE_ARN=arn:aws:iam::000000000000:role/" + roleName, "AWS_WEB_IDENTITY_TOKEN_FILE=" + path,
			"AWS_REGION=us-east-1", "AWS_CA_BUNDLE=" + file("ca.pem"), "KUBERNETES_SERVICE_HOST=10.96.0.1"}
	}
	whoami := func(t *testing.T, env ...string) (status int, a answer) {
		status, out, errs := n.run(t, env, file("whoami"), "-json")
		require.NoError(t, json.Unmarshal([]byte(out), &a), "whoami printed %q and said %q", out, errs)
		assert.NotContains(t, out+errs, "node-secret")
		assert.NotContains(t, out+errs, "node-session-token")
		return status, a
	}

	t.Run("the service account that the trust policy names", func(t *testing.T) {
		status, a := whoami(t, webhook(roleName, "sts.amazonaws.com")...)
		assert.Zero(t, status)
		assert.Equal(t, "webidentity", a.Status.Provider)
		assert.Equal(t, "000000000000", a.Status.Identity.Account)
		assert.Equal(t, roleName, a.Status.Identity.Role)
		assert.Equal(t, "default.gryphon-dispatcher-0", a.Status.Identity.Session)
	})
	canary := webhook("gryphon-dispatcher-canary", "sts.amazonaws.com")
	t.Run("the canary: refused, and the node's role is not taken", func(t *testing.T) {
		status, a := whoami(t, canary...)
		assert.Equal(t, 1, status)
		assert.Empty(t, a.Status.Provider)
		assert.Contains(t, a.Error, "system:serviceaccount:default:gryphon-dispatcher-canary")
		assert.Contains(t, a.Error, roleName)
	})
	t.Run("the canary as Java has it: the node's role, but said aloud", func(t *testing.T) {
		status, a := whoami(t, append(canary, "PODROLE_FALLBACK=next")...)
		assert.Zero(t, status)
		assert.Equal(t, "imds", a.Status.Provider)
		assert.Equal(t, "eks-node", a.Status.Identity.Role)
		assert.True(t, a.Status.Fallback)
		assert.Contains(t, strings.Join(a.Notes, "\n"), "aws credentials resolved by fallback")
		assert.Contains(t, strings.Join(a.Notes, "\n"), "running as the node")
	})
	t.Run("another audience", func(t *testing.T) {
		status, a := whoami(t, webhook(roleName, "https://kubernetes.default.svc")...)
		assert.Equal(t, 1, status)
		assert.Contains(t, a.Error, "https://kubernetes.default.svc")
	})
	t.Run("nothing injected", func(t *testing.T) {
		status, a := whoami(t, "KUBERNETES_SERVICE_HOST=10.96.0.1")
		assert.Zero(t, status)
		assert.Equal(t, "imds", a.Status.Provider)
		assert.Contains(t, strings.Join(a.Notes, "\n"), "the EKS webhook missed it")
	})
	t.Run("nothing injected, and the node's role refused", func(t *testing.T) {
		status, a := whoami(t, "KUBERNETES_SERVICE_HOST=10.96.0.1", "PODROLE_NODE_ROLE=refuse")
		assert.Equal(t, 1, status)
		assert.Contains(t, a.Error, "PODROLE_NODE_ROLE")
	})
	t.Run("the role without its token stops before the node's role", func(t *testing.T) {
		status, a := whoami(t, "KUBERNETES_SERVICE_HOST=10.96.0.1", "AWS_ROLE_ARN=arn:aws:iam::000000000000:role/"+roleName)
		assert.Equal(t, 1, status)
		assert.Contains(t, a.Error, "AWS_WEB_IDENTITY_TOKEN_FILE")
	})
	t.Run("the expected role, asked of STS", func(t *testing.T) {
		status, a := whoami(t, append(webhook(roleName, "sts.amazonaws.com"), "PODROLE_EXPECTED_ROLE_ARN=arn:aws:iam::000000000000:role/other")...)
		assert.Equal(t, 1, status)
		assert.Contains(t, a.Error, "not of the expected role arn:aws:iam::000000000000:role/other")
	})
}

package chain_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
)

// inPod makes a pod of the place, by the variable that Kubernetes injects.
func inPod(o *chain.Options) {
	o.LookupEnv = env(map[string]string{"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
}

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func nodeRole(policy chain.NodeRolePolicy) func(*chain.Options) {
	return func(o *chain.Options) { o.NodeRole = policy }
}

func node(p *chaintest.Provider) {
	p.Answer(chaintest.From("EC2RoleProvider", chaintest.Session("AKIDNODE", 6*time.Hour)))
	p.Describe(func(s *chaintest.Self) { s.Sources = []aws.CredentialSource{aws.CredentialSourceIMDS} })
	p.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a" })
}

func TestNodeRole(t *testing.T) {
	bubble(t, "in a pod: a WARN with the role and the likely cause", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, inPod)
		node(p.third)
		assert.Equal(t, "AKIDNODE", p.key(t))
		p.log.One(t, "INFO aws credentials resolved", "provider=third", "role=eks-node")
		line := p.log.One(t, "WARN running as the node", "hosts this Kubernetes pod", "role=eks-node")
		assert.Contains(t, line, "the EKS webhook missed it")
		assert.Contains(t, line, "PODROLE_NODE_ROLE=refuse")
		p.log.Reset()
		time.Sleep(24 * time.Hour)
		assert.Equal(t, "AKIDNODE", p.key(t))
		assert.Empty(t, p.log.Lines(slog.LevelInfo), "said once, not at each refresh")
	})
	bubble(t, "in an ECS task", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, func(o *chain.Options) {
			o.LookupEnv = env(map[string]string{"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"})
		})
		node(p.third)
		assert.Equal(t, "AKIDNODE", p.key(t))
		p.log.One(t, "WARN running as the node", "ECS task", "set taskRoleArn")
	})
	bubble(t, "on an instance it is the workload's own: INFO", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		node(p.third)
		assert.Equal(t, "AKIDNODE", p.key(t))
		assert.Empty(t, p.log.Lines(slog.LevelWarn))
	})
	bubble(t, "allowed: INFO alone", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, inPod, nodeRole(chain.NodeRoleAllow))
		node(p.third)
		assert.Equal(t, "AKIDNODE", p.key(t))
		assert.Empty(t, p.log.Lines(slog.LevelWarn))
	})
	bubble(t, "expected: INFO alone", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, inPod, func(o *chain.Options) { o.ExpectedRoleARN = "arn:aws:iam::111122223333:role/eks-node" })
		node(p.third)
		assert.Equal(t, "AKIDNODE", p.key(t))
		assert.Empty(t, p.log.Lines(slog.LevelWarn))
	})
	bubble(t, "refused before it is asked", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, inPod, nodeRole(chain.NodeRoleRefuse))
		node(p.third)
		_, err := p.Retrieve(t.Context())
		require.ErrorContains(t, err, "podrole: third failed, so the chain stopped: the EC2 instance's role is refused (PODROLE_NODE_ROLE or Options.NodeRole)")
		require.ErrorContains(t, err, "in a Kubernetes pod: no identity was injected into this pod")
		assert.NotErrorIs(t, err, chain.ErrUnavailable)
		assert.Equal(t, 0, p.third.Calls())
	})
	bubble(t, "refused by its Source, whatever link it came from", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, nodeRole(chain.NodeRoleRefuse))
		node(p.first)
		p.first.Describe(func(s *chaintest.Self) { s.Sources = nil })
		_, err := p.Retrieve(t.Context())
		require.ErrorContains(t, err, "is refused")
		assert.Equal(t, 1, p.first.Calls())
	})
}

func TestExpectedRole(t *testing.T) {
	expect := func(o *chain.Options) { o.ExpectedRoleARN = "arn:aws:iam::111122223333:role/team/gryphon-dispatcher" }
	bubble(t, "the link that knows its ARN is compared", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, expect)
		p.first.Answer(chaintest.Session("AKIDOWN", time.Hour))
		p.first.Describe(func(s *chaintest.Self) {
			s.ARN = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default-gryphon-0"
		})
		assert.Equal(t, "AKIDOWN", p.key(t))
	})
	bubble(t, "another role fails the link, before its credentials are used", func(t *testing.T) {
		p := newPod(t, chain.FallbackStop, expect)
		p.first.Answer(chaintest.Session("AKIDOTHER", time.Hour))
		p.first.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a" })
		_, err := p.Retrieve(t.Context())
		require.ErrorContains(t, err, "its credentials are those of arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a, not of the expected role arn:aws:iam::111122223333:role/gryphon-dispatcher")
		var unexpected *chain.UnexpectedIdentityError
		require.ErrorAs(t, err, &unexpected)
	})
	bubble(t, "FallbackNext finds the link that is right", func(t *testing.T) {
		p := newPod(t, chain.FallbackNext, expect)
		p.first.Answer(chaintest.Session("AKIDOTHER", time.Hour))
		p.first.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/eks-node/i-0f0a" })
		p.second.Answer(chaintest.Session("AKIDOWN", time.Hour))
		p.second.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/x" })
		assert.Equal(t, "AKIDOWN", p.key(t))
	})
}

func TestAnotherIdentityFromTheSameProviderIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPod(t, chain.FallbackStop)
		p.first.Answer(chaintest.Session("AKIDA", time.Hour))
		p.first.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/a/s1" })
		assert.Equal(t, "AKIDA", p.key(t))
		p.first.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/a/s2" })
		time.Sleep(time.Hour)
		assert.Equal(t, "AKIDA", p.key(t))
		assert.Empty(t, p.log.Lines(slog.LevelWarn), "a new session is no new identity")
		p.first.Describe(func(s *chaintest.Self) { s.ARN = "arn:aws:sts::111122223333:assumed-role/b/s3" })
		time.Sleep(time.Hour)
		assert.Equal(t, "AKIDA", p.key(t))
		p.log.One(t, "WARN aws identity changed under the same provider", "identity=arn:aws:sts::111122223333:assumed-role/b/s3", "previous_identity=arn:aws:sts::111122223333:assumed-role/a/")
	})
}

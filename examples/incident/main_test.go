package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheActsTellTheIncident(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false), "every act runs as the identity that it is about")
	acts := strings.Split(strings.Join(strings.Fields(out.String()), " "), " Act ")
	require.Len(t, acts, 6)
	for i, parts := range [][]string{
		{},
		{"WARN aws credentials resolved by fallback provider=imds role=eks-v4-kr-prod-node",
			"failed: webidentity: STS refused role arn:aws:iam::111122223333:role/gryphon-dispatcher (AccessDenied)",
			"WARN running as the node", "runs as eks-v4-kr-prod-node",
			"AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/eks-v4-kr-prod-node/i-0f0a1b2c3d4e5f607 is not authorized to perform: kinesis:DescribeStream"},
		{"so the chain stopped: STS refused role", "sub=system:serviceaccount:default:gryphon-dispatcher-canary", "runs as nobody"},
		{"WARN running as the node", "cause=no identity was injected into this pod: the EKS webhook missed it", "runs as eks-v4-kr-prod-node"},
		{"the EC2 instance's role is refused (PODROLE_NODE_ROLE or Options.NodeRole)", "runs as nobody"},
		{"runs as nobody", "INFO aws credentials resolved provider=webidentity role=gryphon-dispatcher", "stream gryphon-events is ACTIVE"},
	} {
		for _, part := range parts {
			assert.Contains(t, acts[i], part, "act %d", i)
		}
	}
	assert.NotContains(t, acts[2], "AccessDeniedException", "the default never calls Kinesis as the node")
}

package chain

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBothARNsOfARoleNameTheSameRole(t *testing.T) {
	iam, err := parseRole("arn:aws-cn:iam::111122223333:role/team/data/gryphon-dispatcher")
	require.NoError(t, err)
	sts, err := parseRole("arn:aws-cn:sts::111122223333:assumed-role/gryphon-dispatcher/default-gryphon-0")
	require.NoError(t, err)
	assert.Equal(t, iam, sts)
	for _, other := range []string{
		"arn:aws:iam::111122223333:role/gryphon-dispatcher",           // partition
		"arn:aws-cn:iam::444455556666:role/gryphon-dispatcher",        // account
		"arn:aws-cn:iam::111122223333:role/gryphon-dispatcher/canary", // name
	} {
		role, err := parseRole(other)
		require.NoError(t, err)
		assert.NotEqual(t, iam, role, other)
	}
}

func TestOnlyARolesARNIsARole(t *testing.T) {
	for _, s := range []string{"", "gryphon", "arn:aws:iam::111122223333:user/kim", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/",
		"arn:aws:iam:::role/x", "arn:aws:sts::111122223333:federated-user/x", "arn:aws:s3:::role/x", "arn:aws:iam::111122223333:assumed-role/x/y"} {
		_, err := parseRole(s)
		assert.Error(t, err, "%q", s)
	}
}

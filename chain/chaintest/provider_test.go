package chaintest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain/chaintest"
	"example.com/podrole/internal/unavailable"
)

func TestAnswersComeInOrderAndTheLastStays(t *testing.T) {
	down := errors.New("down")
	p := chaintest.NewProvider(chaintest.Fail(down), chaintest.Credentials("AKID1"), chaintest.Credentials("AKID2"))
	_, err := p.Retrieve(t.Context())
	require.ErrorIs(t, err, down)
	for _, want := range []string{"AKID1", "AKID2", "AKID2"} {
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, creds.AccessKeyID)
		assert.Equal(t, "secret-of-"+want, creds.SecretAccessKey)
	}
	assert.Equal(t, 4, p.Calls())
	p.Answer()
	_, err = p.Retrieve(t.Context())
	require.ErrorIs(t, err, unavailable.Err)
}

func TestHangAndAfterEndWithTheirContext(t *testing.T) {
	for name, answer := range map[string]chaintest.Answer{"hang": chaintest.Hang(), "after": chaintest.After(time.Hour, chaintest.Credentials("AKID"))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := chaintest.NewProvider(answer).Retrieve(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		creds, err := chaintest.NewProvider(chaintest.After(time.Second, chaintest.Session("AKID", time.Hour))).Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, start.Add(time.Second+time.Hour), creds.Expires, "a session lives from the moment it is given")
	})
}

func ExampleProvider() {
	p := chaintest.NewProvider(chaintest.Fail(errors.New("STS is down")), chaintest.From("EC2RoleProvider", chaintest.Credentials("AKIDNODE")))
	_, err := p.Retrieve(context.Background())
	fmt.Println(err)
	creds, _ := p.Retrieve(context.Background())
	fmt.Println(creds.AccessKeyID, creds.Source, p.Calls())
	// Output:
	// STS is down
	// AKIDNODE EC2RoleProvider 2
}

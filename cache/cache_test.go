package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"example.com/podrole/cache"
)

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		var down atomic.Bool
		p := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			time.Sleep(300 * time.Millisecond)
			if down.Load() {
				return aws.Credentials{}, errors.New("boom")
			}
			id := n.Add(1)
			return aws.Credentials{AccessKeyID: fmt.Sprintf("ASIA%012d", id), SecretAccessKey: "s", CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
		})
		c := cache.New(p)
		defer c.Close()
		got, err := c.Retrieve(t.Context())
		require.NoError(t, err)
		t.Logf("%v %+v", got.Expires.Sub(time.Now()), c.Status())
		time.Sleep(time.Hour)
		t.Logf("%+v", c.Status())
		down.Store(true)
		time.Sleep(2 * time.Hour)
		t.Logf("%+v", c.Status())
		_, err = c.Retrieve(t.Context())
		t.Log(err)
		down.Store(false)
		time.Sleep(5 * time.Second)
		_, err = c.Retrieve(t.Context())
		require.NoError(t, err)
		t.Logf("%+v", c.Status())
	})
}

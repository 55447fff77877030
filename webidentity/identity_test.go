package webidentity_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

const assumed = "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.gryphon-dispatcher-0"

func TestCallerIdentityIsSTSsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		creds, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		got, err := webidentity.CallerIdentity(t.Context(), creds, w.options)
		require.NoError(t, err)
		assert.Equal(t, assumed, got)
		r := w.sts.Requests()[1]
		assert.Equal(t, "GetCallerIdentity", r.Action)
		assert.True(t, r.Signed)
		assert.Equal(t, creds.AccessKeyID, r.AccessKeyID)

		w.sts.AddIdentity("AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::111122223333:user/alice")
		got, err = webidentity.CallerIdentity(t.Context(), aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}, w.options)
		require.NoError(t, err)
		assert.Equal(t, "arn:aws:iam::111122223333:user/alice", got)
	})
}

func TestCallerIdentityFollowsTheSameVariables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.AddIdentity("AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::111122223333:user/alice")
		t.Cleanup(w.net.Serve("sts.example:9000", w.sts))
		w.env["AWS_ENDPOINT_URL_STS"] = "http://sts.example:9000"
		creds := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}
		_, err := webidentity.CallerIdentity(t.Context(), creds, w.options)
		require.NoError(t, err)
		assert.Equal(t, []string{"sts.example:9000"}, w.net.Dials())

		delete(w.env, "AWS_REGION")
		_, err = webidentity.CallerIdentity(t.Context(), creds, w.options)
		assert.EqualError(t, err, "webidentity: no region for STS: set Options.Region, AWS_REGION or AWS_DEFAULT_REGION")
		_, err = webidentity.CallerIdentity(t.Context(), creds, w.options, func(o *webidentity.Options) { o.Region = "eu-west-1" })
		assert.NoError(t, err)
	})
}

func TestRefusedCallerIdentityIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		fault ststest.Fault
		clock time.Duration
		want  string
	}{
		"unknown key":    {ststest.Fault{Status: 403, Code: "InvalidClientTokenId"}, 0, "STS refused GetCallerIdentity (InvalidClientTokenId): the access key is not known: it was deleted, is of another partition, or its session token is not its own"},
		"expired":        {ststest.Fault{Status: 403, Code: "ExpiredToken"}, 0, "STS refused GetCallerIdentity (ExpiredToken): the credentials have expired"},
		"wrong secret":   {ststest.Fault{Status: 403, Code: "SignatureDoesNotMatch"}, 0, "STS refused GetCallerIdentity (SignatureDoesNotMatch): the secret access key does not belong to the access key id"},
		"wrong clock":    {ststest.Fault{Status: 403, Code: "SignatureDoesNotMatch"}, time.Hour, "the clock here (2000-01-01T00:00:0"},
		"region":         {ststest.Fault{Status: 403, Code: "RegionDisabledException"}, 0, "STS is not activated for the account in region us-east-1"},
		"something else": {ststest.Fault{Status: 403, Code: "AccessDenied"}, 0, "STS refused GetCallerIdentity (AccessDenied): whose credentials these are is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.SetClock(c.clock)
				w.sts.Break(c.fault)
				_, err := webidentity.CallerIdentity(t.Context(), aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "hunter2"}, w.options)
				var denied *webidentity.DeniedError
				require.ErrorAs(t, err, &denied)
				assert.ErrorContains(t, err, c.want)
				assert.Equal(t, "GetCallerIdentity", denied.Operation)
				assert.Empty(t, denied.RoleARN)
				var api smithy.APIError
				require.ErrorAs(t, err, &api)
				assert.NotContains(t, err.Error(), "hunter2")
			})
		})
	}
}

func TestCallerIdentityIsBoundedAndListensToItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Break(ststest.Hang)
		creds := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}
		begin := time.Now()
		_, err := webidentity.CallerIdentity(t.Context(), creds, w.options)
		assert.Equal(t, 10*time.Second, time.Since(begin))
		var late *timeout.Error
		require.ErrorAs(t, err, &late)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = webidentity.CallerIdentity(ctx, creds, w.options)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestCallerIdentityOfNobodyIsAMistake(t *testing.T) {
	_, err := webidentity.CallerIdentity(t.Context(), aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"})
	require.EqualError(t, err, "webidentity: credentials without keys have no identity")
	assert.True(t, terminal.Is(err))
}

func TestStrangeCallerIdentityIsNoIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		creds := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}
		for want, fault := range map[string]ststest.Fault{
			"GetCallerIdentity: the answer cannot be used: it holds no ARN":                 {Body: "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"},
			"GetCallerIdentity: the answer cannot be used: it holds no ARN: is that STS: h": {Status: http.StatusOK},
			"GetCallerIdentity: an HTML page came back (HTTP 200)":                          {Body: "<html></html>"},
		} {
			w.sts.Break(fault)
			_, err := webidentity.CallerIdentity(t.Context(), creds, w.options)
			var failed *webidentity.ExchangeError
			require.ErrorAs(t, err, &failed)
			assert.ErrorContains(t, err, want)
		}
	})
}

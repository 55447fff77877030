package webidentity_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/chain/chaintest"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

func TestTokenBecomesCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)

		assert.True(t, creds.HasKeys())
		assert.NotEmpty(t, creds.SessionToken)
		assert.Equal(t, "WebIdentityCredentials", creds.Source)
		assert.Equal(t, "111122223333", creds.AccountID)
		assert.True(t, creds.CanExpire)
		assert.Equal(t, time.Hour, time.Until(creds.Expires), "STS's default life")
		assert.Equal(t, "arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.gryphon-dispatcher-0", p.CallerARN(creds))
		assert.Equal(t, time.Now().UTC(), p.ServerTime(creds).UTC())
		assert.Equal(t, []string{stsHost + ":443"}, w.net.Dials())

		require.Len(t, w.sts.Requests(), 1)
		r := w.sts.Requests()[0]
		assert.False(t, r.Signed, "the call needs no credentials and must not look for any")
		assert.Equal(t, role, r.RoleARN)
		assert.Equal(t, subject, r.Subject)
		assert.Empty(t, r.Duration)
		assert.Empty(t, r.Policy)
		assert.NotContains(t, w.log.String(), w.tokens.Token())
		assert.NotContains(t, w.log.String(), creds.SecretAccessKey)
	})
}

func TestOptionsReachSTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.env = map[string]string{"AWS_CA_BUNDLE": w.ca.file, "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/other", "AWS_ROLE_SESSION_NAME": "other"}
		creds, err := w.provider(func(o *webidentity.Options) {
			o.RoleARN, o.TokenFile, o.Region, o.SessionName = role, w.tokens.Path(), "us-east-1", "gryphon@seoul"
			o.Duration = 20 * time.Minute
			o.Policy = `{"Version":"2012-10-17","Statement":[]}`
			o.PolicyARNs = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/Other"}
		}).Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 20*time.Minute, time.Until(creds.Expires))
		r := w.sts.Requests()[0]
		assert.Equal(t, "gryphon@seoul", r.SessionName)
		assert.Equal(t, "1200", r.Duration)
		assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[]}`, r.Policy)
		assert.Equal(t, []string{"arn:aws:iam::aws:policy/Other", "arn:aws:iam::aws:policy/ReadOnlyAccess"}, r.PolicyARNs)
	})
}

func TestEnvironmentIsReadAtEveryRetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		w.env["AWS_ROLE_SESSION_NAME"] = "second"
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "default.gryphon-dispatcher-0", w.sts.Requests()[0].SessionName)
		assert.Equal(t, "second", w.sts.Requests()[1].SessionName)
	})
}

func TestRotatedTokenIsUsedAtTheNextRetrieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		_, err := p.Retrieve(t.Context())
		require.NoError(t, err)

		time.Sleep(25 * time.Hour) // the first token is dead
		_, err = p.Retrieve(t.Context())
		denied, ok := errors.AsType[*webidentity.DeniedError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "ExpiredTokenException", denied.Code)

		require.NoError(t, w.tokens.Rotate())
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
	})
}

func TestReceiptIsOfTheLastCredentialsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider()
		first, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		second, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Empty(t, p.CallerARN(first))
		assert.Zero(t, p.ServerTime(first))
		assert.NotEmpty(t, p.CallerARN(second))
		assert.Empty(t, p.CallerARN(aws.Credentials{}))
		assert.Empty(t, w.provider().CallerARN(aws.Credentials{}), "and nothing is known before the first")
	})
}

func TestServerTimeIsTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.SetClock(-7 * time.Minute)
		require.NoError(t, w.tokens.Rotate())
		p := w.provider()
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Now().Add(-7*time.Minute).UTC(), p.ServerTime(creds).UTC())
	})
}

func TestAnswerWithoutARNLeavesTheIdentityUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Fail(ststest.Fault{Body: answerXML("", "ASIAEXAMPLE", "secret", "session", "2100-01-01T00:00:00Z")})
		p := w.provider()
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Empty(t, creds.AccountID)
		assert.Empty(t, p.CallerARN(creds))
	})
}

func TestProviderSaysWhatTheSDKSaysOfItsSource(t *testing.T) {
	assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceSTSAssumeRoleWebID},
		webidentity.New().ProviderSources())
}

func TestTimeoutDefaultsToTenSeconds(t *testing.T) {
	assert.Equal(t, 10*time.Second, webidentity.New().Timeout())
	assert.Equal(t, time.Second, webidentity.New(func(o *webidentity.Options) { o.Timeout = time.Second }).Timeout())
	assert.Equal(t, 10*time.Second, webidentity.New(func(o *webidentity.Options) { o.Timeout = -1 }).Timeout())
}

// clientFunc is an STS client of the user's that is no *sts.Client.
type clientFunc func(context.Context, *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error)

func (f clientFunc) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, _ ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return f(ctx, in)
}

func TestPanicOfAClientBecomesAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		err := w.fail(func(o *webidentity.Options) { o.Client = (*sts.Client)(nil) })
		assert.ErrorContains(t, err, "webidentity: provider panicked: runtime error: invalid memory address")
		err = w.fail(func(o *webidentity.Options) {
			o.Client = clientFunc(func(context.Context, *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
				return nil, nil
			})
		})
		assert.ErrorContains(t, err, "the answer cannot be used: it holds no credentials")
	})
}

func TestGivenClientNeedsNoRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		delete(w.env, "AWS_REGION")
		var got *sts.AssumeRoleWithWebIdentityInput
		err := w.fail(func(o *webidentity.Options) {
			o.Client = clientFunc(func(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
				got = in
				return nil, errors.New("no")
			})
		})
		var failed *webidentity.ExchangeError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, w.tokens.Token(), *got.WebIdentityToken)
		assert.Empty(t, w.net.Dials())
	})
}

func TestProviderKeepsTheContractOfALink(t *testing.T) {
	w := newWorld(t)
	chaintest.TestProvider(t, chaintest.Contract{
		Working: func(*testing.T) aws.CredentialsProvider { return w.provider() },
		Unconfigured: func(*testing.T) aws.CredentialsProvider {
			return webidentity.New(func(o *webidentity.Options) { o.LookupEnv = func(string) (string, bool) { return "", false } })
		},
		Failing: func(*testing.T) aws.CredentialsProvider {
			return w.provider(func(o *webidentity.Options) { o.RoleARN = "arn:aws:iam::111122223333:role/unknown" })
		},
		Secrets: []string{w.tokens.Token()},
	})
}

func TestNothingConfiguredIsUnavailable(t *testing.T) {
	_, err := webidentity.New(func(o *webidentity.Options) { o.LookupEnv = func(string) (string, bool) { return "  ", true } }).Retrieve(t.Context())
	require.ErrorIs(t, err, unavailable.Err, "a blank variable is not set")
	assert.NotErrorIs(t, err, webidentity.ErrRoleOnly)
	assert.EqualError(t, err, "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not set")
}

// answerXML is an answer of STS's as it goes over the wire.
func answerXML(arn, keyID, secret, session, expiration string) string {
	return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
		`<AssumedRoleUser><Arn>` + arn + `</Arn><AssumedRoleId>AROAEXAMPLE:x</AssumedRoleId></AssumedRoleUser>` +
		`<Credentials><AccessKeyId>` + keyID + `</AccessKeyId><SecretAccessKey>` + secret + `</SecretAccessKey><SessionToken>` + session +
		`</SessionToken><Expiration>` + expiration + `</Expiration></Credentials>` +
		`</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`
}

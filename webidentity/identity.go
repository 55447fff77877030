package webidentity

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/timeout"
)

// The operations that this package asks STS for.
const (
	assumeRole     = "AssumeRoleWithWebIdentity"
	callerIdentity = "GetCallerIdentity"
)

// CallerIdentity asks STS whose the credentials are: sts:GetCallerIdentity, which no policy can forbid. Of the options those for
// region, HTTP client, timeout, environment and logger count; the region comes from Options.Region, AWS_REGION or AWS_DEFAULT_REGION.
//
// It blocks, at most for Options.Timeout. The error is a [*DeniedError], an [*ExchangeError], a chain.TimeoutError, context.Cause(ctx)
// wrapped if ctx ended, or says which option or variable is wrong.
func CallerIdentity(ctx context.Context, creds aws.Credentials, optFns ...func(*Options)) (string, error) {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	bound := &timeout.Error{Op: callerIdentity, Bound: o.timeout()}
	ctx, cancel := context.WithTimeoutCause(ctx, bound.Bound, bound)
	defer cancel()
	c := &call{}
	found, err := guard.Call(ctx, func(ctx context.Context) (string, error) { return o.callerIdentity(ctx, creds, c) })
	return found, settle(ctx, err, bound, c)
}

func (o *Options) callerIdentity(ctx context.Context, creds aws.Credentials, c *call) (string, error) {
	if !creds.HasKeys() {
		return "", configError{errors.New("webidentity: credentials without keys have no identity")}
	}
	t, err := o.target(o.LookupEnv, nil)
	if err != nil {
		return "", err
	}
	httpClient, done, err := o.httpClient(o.LookupEnv)
	if err != nil {
		return "", err
	}
	defer done()
	asked := Exchange{Operation: callerIdentity, Endpoint: t.shown, Region: t.region}
	c.endpoint, c.bound, c.secret = t.shown, o.timeout()/2, creds.SessionToken
	static := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	out, err := t.client(httpClient, static).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, c.options)
	if err != nil {
		return "", asked.explain(err, c, time.Now())
	}
	found, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return "", asked.unusable("it holds no ARN", c)
	}
	return found.String(), nil
}

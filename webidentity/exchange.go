package webidentity

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/notes"
	"example.com/podrole/internal/receipt"
	"example.com/podrole/internal/timeout"
)

// exchange is one token turned into credentials.
type exchange struct {
	o        *Options
	env      env.Lookup
	settings settings
	reading  guard.Lane
	notes    *notes.Notes
	call     call
}

type exchanged struct {
	creds   aws.Credentials
	receipt receipt.Receipt
}

func (x *exchange) run(ctx context.Context) (exchanged, error) {
	x.call.say("reading %s", x.settings.tokenFile)
	token, err := x.token(ctx)
	if err != nil {
		return exchanged{}, err
	}
	asked := Exchange{Operation: assumeRole, RoleARN: x.settings.roleARN, TokenFile: x.settings.tokenFile}
	asked.Claims, asked.inspectErr = Inspect(token)
	x.warnExpired(ctx, asked.Claims)

	client, done, err := x.client(ctx, &asked)
	if err != nil {
		return exchanged{}, err
	}
	defer done()

	x.call.endpoint, x.call.bound, x.call.secret = asked.Endpoint, x.o.timeout()/2, token
	x.call.say("asking %s", x.call.where())
	out, err := client.AssumeRoleWithWebIdentity(ctx, x.input(token, asked.Claims), x.call.options)
	if err != nil {
		return exchanged{}, asked.explain(err, &x.call, time.Now())
	}
	got, problem := credentials(out)
	if problem != "" {
		return exchanged{}, asked.unusable(problem, &x.call)
	}
	got.receipt.ServerTime = x.call.date
	return got, nil
}

// token reads the token file. Of readings that hang in the file system there is one at most, however many exchanges have given up on it.
func (x *exchange) token(ctx context.Context) (string, error) {
	path := x.settings.tokenFile
	return readToken(ctx, path, func() (string, error) {
		return guard.CallIn(ctx, x.reading, func(context.Context) (string, error) { return readTokenOnce(path) })
	})
}

// client returns the STS client to ask, and fills in where it leads.
func (x *exchange) client(ctx context.Context, asked *Exchange) (AssumeRoleWithWebIdentityAPIClient, func(), error) {
	if x.o.Client != nil {
		return x.o.Client, func() {}, nil
	}
	t, err := x.o.target(x.env, &asked.Claims)
	if err != nil {
		return nil, nil, err
	}
	httpClient, done, err := x.o.httpClient(x.env)
	if err != nil {
		return nil, nil, err
	}
	x.o.warnTarget(ctx, x.env, x.notes, t)
	asked.Endpoint, asked.Region = t.shown, t.region
	return t.client(httpClient, nil), done, nil
}

func (x *exchange) input(token string, c Claims) *sts.AssumeRoleWithWebIdentityInput {
	session := x.settings.session
	if session == "" {
		session = sessionName(c)
	}
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &x.settings.roleARN, RoleSessionName: &session, WebIdentityToken: &token}
	if x.o.Duration > 0 {
		in.DurationSeconds = new(int32(x.o.Duration / time.Second))
	}
	if x.o.Policy != "" {
		in.Policy = &x.o.Policy
	}
	for _, policy := range x.o.PolicyARNs {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: &policy})
	}
	return in
}

// warnExpired says that the token is past its time by the clock here. STS is asked all the same: it is its clock that counts.
func (x *exchange) warnExpired(ctx context.Context, c Claims) {
	if c.Expires.IsZero() || time.Now().Before(c.Expires) || !x.notes.First("expired", stamp(c.Expires)) {
		return
	}
	x.o.logger().LogAttrs(ctx, slog.LevelWarn, "web identity token has expired by the clock here",
		slog.String("file", x.settings.tokenFile), slog.Time("expired", c.Expires))
}

// credentials takes STS's answer apart, or says what is wrong with it.
func credentials(out *sts.AssumeRoleWithWebIdentityOutput) (exchanged, string) {
	if out == nil || out.Credentials == nil {
		return exchanged{}, "it holds no credentials"
	}
	c := aws.Credentials{
		AccessKeyID:     aws.ToString(out.Credentials.AccessKeyId),
		SecretAccessKey: aws.ToString(out.Credentials.SecretAccessKey),
		SessionToken:    aws.ToString(out.Credentials.SessionToken),
		Source:          ProviderName,
		CanExpire:       true,
		Expires:         aws.ToTime(out.Credentials.Expiration),
	}
	switch {
	case c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "":
		return exchanged{}, "its credentials lack the access key id, the secret access key or the session token"
	case c.Expires.IsZero():
		return exchanged{}, "its credentials lack their expiration"
	}
	got := exchanged{creds: c, receipt: receipt.Receipt{KeyID: c.AccessKeyID}}
	if out.AssumedRoleUser != nil {
		if a, err := arn.Parse(aws.ToString(out.AssumedRoleUser.Arn)); err == nil {
			got.receipt.Name = a.String()
			got.creds.AccountID = a.AccountID
		}
	}
	return got, ""
}

// settle turns what a call ended with into the error that the caller gets. Once the context has ended, whatever came of it is that.
func settle(ctx context.Context, err error, bound *timeout.Error, c *call) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil:
		return edge(err)
	}
	if cause := context.Cause(ctx); cause != bound {
		return fmt.Errorf("webidentity: %w", cause)
	}
	late := *bound // the call may still hold the other, as its context's cause
	if doing := c.doing.Load(); doing != nil {
		late.Last = *doing
	}
	return &late
}

// edge gives the errors that are not this package's own, a panic's, their prefix.
func edge(err error) error {
	switch err.(type) {
	case *DeniedError, *ExchangeError, *TokenFileError, configError:
		return err
	}
	return fmt.Errorf("webidentity: %w", err)
}

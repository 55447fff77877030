package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/session"
	"example.com/podrole/webidentity"
)

// UnexpectedIdentityError says that a link's credentials are not those of the expected role. They were not used.
type UnexpectedIdentityError struct {
	Expected string // the role's ARN
	Actual   string // the ARN that the credentials act as
}

func (e *UnexpectedIdentityError) Error() string {
	return fmt.Sprintf("its credentials are those of %s, not of the expected role %s", e.Actual, e.Expected)
}

// Terminal reports true: the same source gives the same identity again.
func (e *UnexpectedIdentityError) Terminal() bool { return true }

// RetryableError reports false.
func (e *UnexpectedIdentityError) RetryableError() bool { return false }

// errNodeRoleRefused is terminal: only another setting changes it.
var errNodeRoleRefused error = &misconfigured{errors.New("the EC2 instance's role is refused (" + envNodeRole + " or Options.NodeRole)")}

// isNodeRole reports whether credentials are those of the EC2 instance, whatever link they came from.
func isNodeRole(link Link, creds aws.Credentials) bool {
	return creds.Source == "EC2RoleProvider" || link.asksInstance()
}

// credentials asks one link, and lets through only what the rules on identity allow. What they refuse is a failure of the link.
func (w *walker) credentials(ctx context.Context, i int, bound time.Duration) (aws.Credentials, Identity, Outcome, error) {
	link := w.links[i]
	if w.nodeRole == NodeRoleRefuse && link.asksInstance() {
		return aws.Credentials{}, Identity{}, OutcomeFailed, errNodeRoleRefused
	}
	creds, outcome, err := link.retrieve(ctx, bound)
	if err != nil {
		return aws.Credentials{}, Identity{}, outcome, err
	}
	if w.nodeRole == NodeRoleRefuse && isNodeRole(link, creds) {
		return aws.Credentials{}, Identity{}, OutcomeFailed, errNodeRoleRefused
	}
	if err := session.CheckExpiry(creds, link.serverTime(creds)); err != nil {
		return aws.Credentials{}, Identity{}, OutcomeFailed, err
	}
	identity, err := w.verify(ctx, i, creds)
	if err != nil {
		return aws.Credentials{}, Identity{}, OutcomeFailed, err
	}
	return creds, identity, OutcomeCredentials, nil
}

// verify finds out whose the credentials are, from the link where it knows and from STS where it must, and compares them with the
// expected role.
func (w *walker) verify(ctx context.Context, i int, creds aws.Credentials) (Identity, error) {
	link := w.links[i]
	callerARN := link.callerARN(creds)
	_, unknown := parseRole(callerARN)
	if w.VerifyIdentity || w.expected != nil && unknown != nil {
		var err error
		if callerARN, err = w.askIdentity(ctx, i, creds); err != nil {
			return Identity{}, fmt.Errorf("its credentials' identity could not be verified: %w", err)
		}
	}
	if w.expected != nil {
		if actual, err := parseRole(callerARN); err != nil || actual != *w.expected {
			return Identity{}, &UnexpectedIdentityError{Expected: w.expected.String(), Actual: callerARN}
		}
	}
	return identify(creds, callerARN, link), nil
}

// verified is what STS said of a link's credentials.
type verified struct{ keyID, arn string }

// askIdentity asks STS whose the credentials of a link are, once for each access key id.
func (w *walker) askIdentity(ctx context.Context, i int, creds aws.Credentials) (string, error) {
	if v := w.verified[i]; v.keyID == creds.AccessKeyID {
		return v.arn, nil
	}
	options := []func(*webidentity.Options){w.stsOptions}
	if w.WebIdentity != nil {
		options = append(options, w.WebIdentity)
	}
	callerARN, err := webidentity.CallerIdentity(ctx, creds, options...)
	if err == nil {
		w.verified[i] = verified{creds.AccessKeyID, callerARN}
	}
	return callerARN, err
}

// verifyBound is the longest that the question of a link's identity may take.
func (w *walker) verifyBound() time.Duration {
	if w.expected == nil && !w.VerifyIdentity {
		return 0
	}
	return webidentity.DefaultTimeout
}

// stsOptions carries the chain's options to whatever talks to STS.
func (s *settings) stsOptions(o *webidentity.Options) {
	o.Region, o.HTTPClient, o.LookupEnv, o.Logger = s.Region, s.HTTPClient, s.LookupEnv, s.Logger
}

package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

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

// errNodeRoleRefused is terminal: only another setting changes it.
var errNodeRoleRefused error = &misconfigured{errors.New("the EC2 instance's role is refused (" + envNodeRole + " or Options.NodeRole)")}

// isNodeRole reports whether credentials are those of the EC2 instance, whatever link they came from.
func isNodeRole(creds aws.Credentials) bool { return creds.Source == "EC2RoleProvider" }

// credentials asks one link, and lets through only what the rules on identity allow.
func (w *walker) credentials(ctx context.Context, link Link) (aws.Credentials, Identity, error) {
	if w.nodeRole == NodeRoleRefuse && link.asksInstance() {
		return aws.Credentials{}, Identity{}, errNodeRoleRefused
	}
	creds, err := link.retrieve(ctx, link.bound(w.LinkTimeout))
	if err == nil && w.nodeRole == NodeRoleRefuse && isNodeRole(creds) {
		err = errNodeRoleRefused
	}
	if err == nil {
		err = session.CheckExpiry(creds, link.serverTime(creds))
	}
	if err != nil {
		return aws.Credentials{}, Identity{}, err
	}
	identity, err := w.verify(ctx, link, creds)
	if err != nil {
		return aws.Credentials{}, Identity{}, err
	}
	return creds, identity, nil
}

// verify finds out whose the credentials are, from the link where it knows and from STS where it must, and compares them with the
// expected role.
func (w *walker) verify(ctx context.Context, link Link, creds aws.Credentials) (Identity, error) {
	callerARN := link.callerARN(creds)
	_, unknown := parseRole(callerARN)
	if w.VerifyIdentity || w.expected != nil && unknown != nil {
		var err error
		if callerARN, err = w.askIdentity(ctx, creds); err != nil {
			return Identity{}, fmt.Errorf("its credentials' identity could not be verified: %w", err)
		}
	}
	if w.expected != nil {
		if actual, err := parseRole(callerARN); err != nil || actual != *w.expected {
			return Identity{}, &UnexpectedIdentityError{Expected: w.expected.String(), Actual: callerARN}
		}
	}
	return identify(creds, callerARN, link.Provider), nil
}

// askIdentity asks STS whose the credentials are, once for each access key id.
func (w *walker) askIdentity(ctx context.Context, creds aws.Credentials) (string, error) {
	if creds.AccessKeyID == w.verifiedKey {
		return w.verifiedARN, nil
	}
	callerARN, err := webidentity.CallerIdentity(ctx, creds, slices.DeleteFunc([]func(*webidentity.Options){w.stsOptions, w.WebIdentity}, func(fn func(*webidentity.Options)) bool { return fn == nil })...)
	if err == nil {
		w.verifiedKey, w.verifiedARN = creds.AccessKeyID, callerARN
	}
	return callerARN, err
}

// stsOptions carries the chain's options to whatever talks to STS.
func (s *settings) stsOptions(o *webidentity.Options) {
	o.Region, o.HTTPClient, o.LookupEnv, o.Logger = s.Region, s.HTTPClient, s.LookupEnv, s.Logger
}

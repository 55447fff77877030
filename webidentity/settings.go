package webidentity

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/redact"
	"example.com/podrole/internal/unavailable"
)

const (
	roleVar        = "AWS_ROLE_ARN"
	tokenFileVar   = "AWS_WEB_IDENTITY_TOKEN_FILE"
	sessionNameVar = "AWS_ROLE_SESSION_NAME"
)

// STS's bounds for DurationSeconds (STS API Reference, AssumeRoleWithWebIdentity).
const (
	minDuration = 15 * time.Minute
	maxDuration = 12 * time.Hour
)

// ErrRoleOnly is matched by the error of Retrieve when a role is named and no token file. It matches chain.ErrUnavailable too: other
// tools read AWS_ROLE_ARN, and every AWS SDK passes over it. In a pod it may also mean that somebody meant to inject an identity and
// did half of it, so a chain must not go on from it to the node's role.
var ErrRoleOnly error = &roleOnly{roleVar}

type roleOnly struct{ named string }

func (e *roleOnly) Error() string {
	return e.named + " is set, but " + tokenFileVar + " is not: a role without a token is no web identity"
}

func (e *roleOnly) Is(target error) bool { return target == ErrRoleOnly || target == unavailable.Err }

// settings are what one exchange is made with, out of options and environment.
type settings struct {
	roleARN   string
	account   string // of the role
	tokenFile string
	session   string // empty = out of the token's claims
}

// source names where a value came from.
func (o *Options) role(e env.Lookup) (value, source string) {
	if o.RoleARN != "" {
		return o.RoleARN, "Options.RoleARN"
	}
	return e.Get(roleVar), roleVar
}

func (o *Options) tokenFile(e env.Lookup) (value, source string) {
	if o.TokenFile != "" {
		return o.TokenFile, "Options.TokenFile"
	}
	return e.Get(tokenFileVar), tokenFileVar
}

func (o *Options) configured(e env.Lookup) string {
	file, fileSource := o.tokenFile(e)
	role, roleSource := o.role(e)
	switch {
	case file == "":
		return ""
	case role == "":
		return fileSource
	default:
		return roleSource + ", " + fileSource
	}
}

// resolve finds and checks what can be checked before the token is read. It does no I/O.
func (o *Options) resolve(e env.Lookup) (settings, error) {
	file, fileSource := o.tokenFile(e)
	role, roleSource := o.role(e)
	switch {
	case file == "" && role == "":
		return settings{}, unavailable.Errorf("%s and %s are not set", roleVar, tokenFileVar)
	case file == "" && roleSource == roleVar:
		return settings{}, ErrRoleOnly
	case file == "":
		return settings{}, &roleOnly{roleSource}
	case role == "":
		return settings{}, configErrorf("%s is set, but %s is not: set both, or neither", fileSource, roleVar)
	}
	if redact.HoldsToken(file) {
		return settings{}, configErrorf("%s holds a token, where the path of the token's file belongs", fileSource)
	}
	account, err := checkRole(role, roleSource)
	if err != nil {
		return settings{}, err
	}
	session, sessionSource := o.SessionName, "Options.SessionName"
	if session == "" {
		session, sessionSource = e.Get(sessionNameVar), sessionNameVar
	}
	if session != "" && !validSessionName(session) {
		return settings{}, configErrorf("%s is %q, which STS does not take as a session name: it must have 2 to 64 characters out of letters, digits and _+=,.@-",
			sessionSource, show(session))
	}
	if o.Duration != 0 && (o.Duration < minDuration || o.Duration > maxDuration) {
		return settings{}, configErrorf("Options.Duration is %s: STS takes %s to %s", o.Duration, minDuration, maxDuration)
	}
	return settings{roleARN: role, account: account, tokenFile: file, session: session}, nil
}

// checkRole returns the account of a role's ARN, arn:aws:iam::111122223333:role/path/name.
func checkRole(role, source string) (account string, err error) {
	a, err := arn.Parse(role)
	name, isRole := strings.CutPrefix(a.Resource, "role/")
	switch {
	case err != nil:
		return "", configErrorf("%s is %q, which is not an ARN: a role's is arn:aws:iam::ACCOUNT:role/NAME", source, show(role))
	case a.Service != "iam" || !isRole || name == "" || strings.HasSuffix(name, "/"):
		return "", configErrorf("%s is %q, which is not the ARN of an IAM role: that is arn:aws:iam::ACCOUNT:role/NAME", source, show(role))
	case strings.HasPrefix(a.Partition, "aws") && !isAccount(a.AccountID):
		return "", configErrorf("%s is %q, where the account must have 12 digits", source, show(role))
	}
	return a.AccountID, nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

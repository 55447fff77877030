package chain

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/guard"
	"example.com/podrole/internal/timeout"
)

// The names of the links of [NewDefault].
const (
	LinkEnv         = "env"
	LinkWebIdentity = "webidentity"
	LinkContainer   = "container"
	LinkIMDS        = "imds"
)

// Link is one provider of a chain.
//
// The provider may implement, with types of the SDK and of the language alone, so that it need not import this package:
//
//	CallerARN(aws.Credentials) string            // the ARN that these credentials act as; "" = not known
//	Configured() string                          // which variables configure it, decided without I/O; "" = not configured
//	ProviderSources() []aws.CredentialSource     // the SDK's aws.CredentialProviderSource
//	Timeout() time.Duration                      // the bound of one Retrieve, which the provider keeps itself
//	ServerTime(aws.Credentials) time.Time        // the Date of the answer that brought them; zero = not known
//	RoleName(aws.Credentials) string             // the role's name where the ARN is not known
//	Kind() string                                // a more exact name for the log
type Link struct {
	// Name appears in logs, errors and Status. It must not be empty, nor be repeated in one chain.
	Name string
	// Provider is asked for credentials, one call at a time. A call that panics, or outlives its bound, is a failure of the link.
	Provider aws.CredentialsProvider
	// Unavailable says of an error of the provider whether it means "nothing for me here: try the next", for providers that
	// do not know [ErrUnavailable]. Nil means that errors.Is(err, ErrUnavailable) alone does.
	Unavailable func(error) bool
}

// checkLinks finds the mistakes of code in a chain's links.
func checkLinks(links []Link) error {
	if len(links) == 0 {
		return configError("the chain has no links")
	}
	seen := map[string]int{}
	for i, l := range links {
		first, repeated := seen[l.Name]
		switch {
		case l.Name == "":
			return configError("link %d has no name", i)
		case repeated:
			return configError("link %d repeats the name %q of link %d", i, l.Name, first)
		case isNil(l.Provider):
			return configError("link %d (%s) has a nil provider", i, l.Name)
		}
		seen[l.Name] = i
	}
	return nil
}

// isNil sees a nil pointer inside the interface too: the common mistake is to pass a variable that was never set.
func isNil(p aws.CredentialsProvider) bool {
	if p == nil {
		return true
	}
	v := reflect.ValueOf(p)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// unavailable reports whether the error means "nothing here".
func (l Link) unavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || l.Unavailable != nil && l.Unavailable(err)
}

func (l Link) configured() string {
	if p, ok := l.Provider.(interface{ Configured() string }); ok {
		return p.Configured()
	}
	return ""
}

func (l Link) callerARN(creds aws.Credentials) string {
	if p, ok := l.Provider.(interface {
		CallerARN(aws.Credentials) string
	}); ok {
		return p.CallerARN(creds)
	}
	return ""
}

func (l Link) serverTime(creds aws.Credentials) time.Time {
	if p, ok := l.Provider.(interface {
		ServerTime(aws.Credentials) time.Time
	}); ok {
		return p.ServerTime(creds)
	}
	return time.Time{}
}

func (l Link) kind() string {
	if p, ok := l.Provider.(interface{ Kind() string }); ok {
		return p.Kind()
	}
	return ""
}

func (l Link) sources() []aws.CredentialSource {
	if p, ok := l.Provider.(aws.CredentialProviderSource); ok {
		return p.ProviderSources()
	}
	return nil
}

// asksInstance reports whether the link is known, before it is asked, to give the credentials of the EC2 instance.
func (l Link) asksInstance() bool {
	return slices.Equal(l.sources(), []aws.CredentialSource{aws.CredentialSourceIMDS})
}

// bound is the time one call of the link may take. A provider that keeps a bound of its own gets a second more, so that its own,
// better error comes first.
func (l Link) bound(foreign time.Duration) time.Duration {
	if p, ok := l.Provider.(interface{ Timeout() time.Duration }); ok {
		if own := p.Timeout(); own > 0 {
			return own + time.Second
		}
	}
	return foreign
}

// retrieve asks the provider once, within the bound, and refuses an answer without keys.
// When ctx itself ends, the error is its cause.
func (l Link) retrieve(ctx context.Context, bound time.Duration) (aws.Credentials, error) {
	linkCtx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	creds, err := guard.Call(linkCtx, l.Provider.Retrieve)
	switch {
	case ctx.Err() != nil:
		return aws.Credentials{}, context.Cause(ctx)
	case err != nil && linkCtx.Err() != nil && !isTimeout(err):
		return aws.Credentials{}, &timeout.Error{Op: title(l.Name), Bound: bound}
	case err != nil:
		return aws.Credentials{}, err
	case !creds.HasKeys():
		return aws.Credentials{}, fmt.Errorf("%s answered without an access key id or a secret access key", title(l.Name))
	}
	return creds, nil
}

func isTimeout(err error) bool {
	var t *timeout.Error
	return errors.As(err, &t)
}

// reason is an error's text as an attempt shows it: the link's name stands before it already, so the package's does not.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "podrole: ")
	for _, pkg := range []string{"envcreds: ", "webidentity: ", "ecs: ", "imds: "} {
		text = strings.TrimPrefix(text, pkg)
	}
	return text
}

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
//
// These must answer at once. One that panics, or does not answer within a second, is taken as not knowing.
type Link struct {
	// Name appears in logs, errors and Status. It must not be empty, nor be repeated in one chain.
	Name string
	// Provider is asked for credentials by one walk of the chain at a time. A call that panics, or outlives its bound, is a failure
	// of the link; the chain does not wait for one that ignores the end of its context, and may then call the provider again meanwhile.
	Provider aws.CredentialsProvider
	// Unavailable says of an error that the provider returned whether it means "nothing for me here: try the next", for providers
	// that do not know [ErrUnavailable]. Nil means that errors.Is(err, ErrUnavailable) alone does.
	Unavailable func(error) bool
}

// Format prints the name alone, whatever the verb: a provider may hold secrets.
func (l Link) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "chain.Link(%s)", l.Name) }

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

// isNil sees a nil inside the interface too: the common mistake is to pass a variable that was never set.
func isNil(p aws.CredentialsProvider) bool {
	if p == nil {
		return true
	}
	switch v := reflect.ValueOf(p); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

func (l Link) configured() string {
	if p, ok := l.Provider.(interface{ Configured() string }); ok {
		return guard.Ask(p.Configured)
	}
	return ""
}

func (l Link) callerARN(creds aws.Credentials) string {
	if p, ok := l.Provider.(interface {
		CallerARN(aws.Credentials) string
	}); ok {
		return guard.Ask(func() string { return p.CallerARN(creds) })
	}
	return ""
}

func (l Link) roleName(creds aws.Credentials) string {
	if p, ok := l.Provider.(interface {
		RoleName(aws.Credentials) string
	}); ok {
		return guard.Ask(func() string { return p.RoleName(creds) })
	}
	return ""
}

func (l Link) serverTime(creds aws.Credentials) time.Time {
	if p, ok := l.Provider.(interface {
		ServerTime(aws.Credentials) time.Time
	}); ok {
		return guard.Ask(func() time.Time { return p.ServerTime(creds) })
	}
	return time.Time{}
}

func (l Link) kind() string {
	if p, ok := l.Provider.(interface{ Kind() string }); ok {
		return guard.Ask(p.Kind)
	}
	return ""
}

func (l Link) sources() []aws.CredentialSource {
	if p, ok := l.Provider.(aws.CredentialProviderSource); ok {
		return guard.Ask(p.ProviderSources)
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
		if own := guard.Ask(p.Timeout); own > 0 {
			return min(own, longestBound) + time.Second
		}
	}
	return min(foreign, longestBound)
}

// longestBound is far more than anything takes, and little enough for the bounds of all links to be added up.
const longestBound = 100 * time.Hour

// retrieve asks the provider once, within the bound, and refuses an answer without keys. Only what the provider itself returned can
// mean that it is unavailable: a time-out, a panic and an empty answer are failures, whatever Link.Unavailable would make of them.
func (l Link) retrieve(ctx context.Context, bound time.Duration) (aws.Credentials, Outcome, error) {
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	creds, err := guard.Call(ctx, l.Provider.Retrieve)
	var broke *guard.Error
	var late *timeout.Error
	switch {
	case errors.As(err, &broke):
	case err != nil && ctx.Err() != nil:
		if !errors.As(err, &late) {
			err = &timeout.Error{Bound: bound}
		}
	case err != nil:
		if l.unavailable(err) {
			return aws.Credentials{}, OutcomeUnavailable, err
		}
	case !creds.HasKeys():
		err = fmt.Errorf("%s answered without an access key id or a secret access key", title(l.Name))
	default:
		return creds, OutcomeCredentials, nil
	}
	return aws.Credentials{}, OutcomeFailed, err
}

// unavailable reports whether an error that the provider returned means "nothing here".
func (l Link) unavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || l.Unavailable != nil && guard.Ask(func() bool { return l.Unavailable(err) })
}

// reason is an error's text as an attempt shows it: the link's name stands before it already, so the package's does not.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "podrole: ")
	for _, pkg := range []string{"envcreds: ", "webidentity: ", "ecs: ", "imds: "} {
		text = strings.TrimPrefix(text, pkg)
	}
	return text
}

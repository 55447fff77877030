package envcreds

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/internal/env"
	"example.com/podrole/internal/unavailable"
)

// ProviderName is the Source of the credentials. It is the AWS SDK's own name for them.
const ProviderName = "EnvConfigCredentials"

// In each list the spelling that counts comes first, as in the AWS SDK for Go v2 (config/env_config.go).
var (
	keyIDVars  = []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}
	secretVars = []string{"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"}
)

const (
	tokenVar   = "AWS_SESSION_TOKEN"
	accountVar = "AWS_ACCOUNT_ID"
)

// Options configure a [Provider].
type Options struct {
	// LookupEnv reads an environment variable. If nil, os.LookupEnv.
	LookupEnv func(name string) (string, bool)
}

// Provider reads credentials from environment variables. Its methods do no I/O, do not block and are safe for concurrent use,
// as far as Options.LookupEnv is. The zero value is ready for use.
type Provider struct {
	env env.Lookup
}

var (
	_ aws.CredentialsProvider      = (*Provider)(nil)
	_ aws.CredentialProviderSource = (*Provider)(nil)
)

// New returns a provider.
func New(optFns ...func(*Options)) *Provider {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	return &Provider{env: o.LookupEnv}
}

// Retrieve returns the keys that the environment holds, with CanExpire false. The error matches chain.ErrUnavailable when none
// is set, and context.Cause(ctx) when ctx has ended; any other error says which variable is missing or wrong, and has a method
// Terminal that returns true.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if ctx.Err() != nil {
		return aws.Credentials{}, fmt.Errorf("envcreds: %w", context.Cause(ctx))
	}
	creds, err := p.read()
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("envcreds: %w", err)
	}
	return creds, nil
}

func (p *Provider) read() (aws.Credentials, error) {
	keyIDVar, keyID := p.env.First(keyIDVars...)
	secretVar, secret := p.env.First(secretVars...)
	token, account := p.env.Get(tokenVar), p.env.Get(accountVar)

	switch {
	case keyID == "" && secret == "" && token == "":
		return aws.Credentials{}, unavailable.Errorf("%s and %s are not set", keyIDVars[0], secretVars[0])
	case keyID == "" && secret == "":
		return aws.Credentials{}, misconfigured("%s is set without its keys: set %s and %s too, or unset it",
			tokenVar, keyIDVars[0], secretVars[0])
	case keyID == "":
		return aws.Credentials{}, half(secretVar, keyIDVars[0])
	case secret == "":
		return aws.Credentials{}, half(keyIDVar, secretVars[0])
	}
	for _, v := range [][2]string{{keyIDVar, keyID}, {secretVar, secret}, {tokenVar, token}} {
		if found := unprintable(v[1]); found != "" {
			return aws.Credentials{}, misconfigured("%s has %s inside its value: set it again, as it was issued", v[0], found)
		}
	}
	if account != "" && !isAccountID(account) {
		return aws.Credentials{}, misconfigured("%s is not an account id of 12 digits: correct it, or unset it", accountVar)
	}
	return aws.Credentials{
		AccessKeyID:     keyID,
		SecretAccessKey: secret,
		SessionToken:    token,
		AccountID:       account,
		Source:          ProviderName,
	}, nil
}

// half names the missing half of a pair.
func half(set, missing string) error {
	return misconfigured("%s is set, but %s is not, or is blank: set both or neither", set, missing)
}

// ProviderSources reports environment variables.
func (p *Provider) ProviderSources() []aws.CredentialSource {
	return []aws.CredentialSource{aws.CredentialSourceEnvVars}
}

// Configured names the variables that are set, comma separated; it is empty when neither a key nor a session token is.
func (p *Provider) Configured() string {
	return strings.Join(p.env.Set(keyIDVars[0], keyIDVars[1], secretVars[0], secretVars[1], tokenVar), ", ")
}

// unprintable says what a value holds that no AWS key does and no HTTP header may carry; "" is the good answer.
func unprintable(value string) string {
	for _, r := range value {
		switch {
		case r == '\n' || r == '\r':
			return "a line break"
		case r == ' ' || r == '\t':
			return "white space"
		case r < ' ' || r == 0x7f:
			return "a control character"
		case r > 0x7f:
			return "a character that is not ASCII"
		}
	}
	return ""
}

func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// configError is a failure that asking again will not change: a process's environment changes by its own hand only.
type configError struct{ error }

func misconfigured(format string, args ...any) error { return configError{fmt.Errorf(format, args...)} }

func (configError) Terminal() bool { return true }

package envcreds_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/envcreds"
	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/unavailable"
)

const (
	keyID   = "AKIAIOSFODNN7EXAMPLE"
	secret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	session = "FwoGZXIvYXdzEBYaDHqa0AP+/=="
)

func provider(env map[string]string) *envcreds.Provider {
	env = maps.Clone(env)
	return envcreds.New(func(o *envcreds.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	})
}

func TestKeysInEitherSpelling(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		want aws.Credentials
	}{
		"long-lived keys": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
		"old spelling": {
			map[string]string{"AWS_ACCESS_KEY": keyID, "AWS_SECRET_KEY": secret},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
		"one of each spelling": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_KEY": secret},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
		"both spellings: the new one counts": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_ACCESS_KEY": "old", "AWS_SECRET_ACCESS_KEY": secret, "AWS_SECRET_KEY": "old"},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
		"a blank new spelling gives way to the old one": {
			map[string]string{"AWS_ACCESS_KEY_ID": " ", "AWS_ACCESS_KEY": keyID, "AWS_SECRET_ACCESS_KEY": "", "AWS_SECRET_KEY": secret},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
		"temporary keys with an account": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session, "AWS_ACCOUNT_ID": "012345678901"},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session, AccountID: "012345678901"},
		},
		"white space around every value": {
			map[string]string{"AWS_ACCESS_KEY_ID": "\t" + keyID + "\r\n", "AWS_SECRET_ACCESS_KEY": secret + "\n", "AWS_SESSION_TOKEN": " " + session, "AWS_ACCOUNT_ID": "012345678901 "},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session, AccountID: "012345678901"},
		},
		"a blank session token and account": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "  ", "AWS_ACCOUNT_ID": ""},
			aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := provider(tc.env).Retrieve(t.Context())
			require.NoError(t, err)
			tc.want.Source = "EnvConfigCredentials"
			assert.Equal(t, tc.want, got)
			assert.False(t, got.CanExpire)
		})
	}
}

func TestNothingSetIsUnavailable(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"empty environment": {},
		"blank variables":   {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": " \n", "AWS_SESSION_TOKEN": "\t"},
		"an account alone":  {"AWS_ACCOUNT_ID": "012345678901"},
		"a bad account":     {"AWS_ACCOUNT_ID": "prod"},
		"a profile":         {"AWS_PROFILE": "prod", "AWS_REGION": "eu-west-1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(env)
			got, err := p.Retrieve(t.Context())
			require.ErrorIs(t, err, unavailable.Err)
			assert.EqualError(t, err, "envcreds: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
			assert.Zero(t, got)
			assert.Empty(t, p.Configured())
		})
	}
}

func TestAnythingInBetweenIsATerminalFailureThatNamesTheVariable(t *testing.T) {
	keys := func(more ...string) map[string]string {
		env := map[string]string{"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	for name, tc := range map[string]struct {
		env        map[string]string
		want       string
		configured string
	}{
		"key id without secret": {
			map[string]string{"AWS_ACCESS_KEY_ID": keyID},
			"envcreds: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not, or is blank: set both or neither",
			"AWS_ACCESS_KEY_ID",
		},
		"old key id with a blank secret": {
			map[string]string{"AWS_ACCESS_KEY": keyID, "AWS_SECRET_ACCESS_KEY": " "},
			"envcreds: AWS_ACCESS_KEY is set, but AWS_SECRET_ACCESS_KEY is not, or is blank: set both or neither",
			"AWS_ACCESS_KEY",
		},
		"secret without key id": {
			map[string]string{"AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session},
			"envcreds: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not, or is blank: set both or neither",
			"AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
		},
		"old secret without key id": {
			map[string]string{"AWS_SECRET_KEY": secret},
			"envcreds: AWS_SECRET_KEY is set, but AWS_ACCESS_KEY_ID is not, or is blank: set both or neither",
			"AWS_SECRET_KEY",
		},
		"session token alone": {
			map[string]string{"AWS_SESSION_TOKEN": session},
			"envcreds: AWS_SESSION_TOKEN is set without its keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too, or unset it",
			"AWS_SESSION_TOKEN",
		},
		"account of 11 digits": {
			keys("AWS_ACCOUNT_ID", "12345678901"),
			"envcreds: AWS_ACCOUNT_ID is not an account id of 12 digits: correct it, or unset it",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"account with dashes": {
			keys("AWS_ACCOUNT_ID", "0123-4567-8901"),
			"envcreds: AWS_ACCOUNT_ID is not an account id of 12 digits: correct it, or unset it",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"account of 12 letters": {
			keys("AWS_ACCOUNT_ID", "abcdefghijkl"),
			"envcreds: AWS_ACCOUNT_ID is not an account id of 12 digits: correct it, or unset it",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"line break in the key id": {
			keys("AWS_ACCESS_KEY_ID", "AKIA\nEXAMPLE"),
			"envcreds: AWS_ACCESS_KEY_ID has a line break inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"carriage return in the secret": {
			keys("AWS_SECRET_ACCESS_KEY", "wJal\rrXUt"),
			"envcreds: AWS_SECRET_ACCESS_KEY has a line break inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"space in the secret": {
			keys("AWS_SECRET_ACCESS_KEY", "wJal rXUt"),
			"envcreds: AWS_SECRET_ACCESS_KEY has white space inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"NUL in the token": {
			keys("AWS_SESSION_TOKEN", "FwoG\x00ZXIv"),
			"envcreds: AWS_SESSION_TOKEN has a control character inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
		},
		"DEL in the token": {
			keys("AWS_SESSION_TOKEN", "FwoG\x7fZXIv"),
			"envcreds: AWS_SESSION_TOKEN has a control character inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
		},
		"typographic quote in the secret": {
			keys("AWS_SECRET_ACCESS_KEY", "wJal’rXUt"),
			"envcreds: AWS_SECRET_ACCESS_KEY has a character that is not ASCII inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"bytes that are no UTF-8 in the secret": {
			keys("AWS_SECRET_ACCESS_KEY", "wJal\xffrXUt"),
			"envcreds: AWS_SECRET_ACCESS_KEY has a character that is not ASCII inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
		},
		"bad value in the old spelling": {
			map[string]string{"AWS_ACCESS_KEY": keyID, "AWS_SECRET_KEY": "wJal rXUt"},
			"envcreds: AWS_SECRET_KEY has white space inside its value: set it again, as it was issued",
			"AWS_ACCESS_KEY, AWS_SECRET_KEY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(tc.env)
			got, err := p.Retrieve(t.Context())
			require.EqualError(t, err, tc.want)
			assert.NotErrorIs(t, err, unavailable.Err)
			assert.True(t, terminal.Is(err))
			assert.Zero(t, got)
			assert.Equal(t, tc.configured, p.Configured())
		})
	}
}

func TestVariablesAreReadAtEveryRetrieve(t *testing.T) {
	env := map[string]string{}
	p := envcreds.New(func(o *envcreds.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	})
	_, err := p.Retrieve(t.Context())
	require.ErrorIs(t, err, unavailable.Err)

	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = keyID, secret
	got, err := p.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, keyID, got.AccessKeyID)
}

func TestZeroProviderReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", session)
	t.Setenv("AWS_ACCOUNT_ID", "")
	for _, p := range []*envcreds.Provider{envcreds.New(), new(envcreds.Provider)} {
		got, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session, Source: "EnvConfigCredentials"}, got)
	}
}

func TestEndedContextIsReturnedAsSuch(t *testing.T) {
	shutdown := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(shutdown)
	for name, env := range map[string]map[string]string{
		"configured": {"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret},
		"not":        {},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := provider(env).Retrieve(ctx)
			require.ErrorIs(t, err, shutdown)
			assert.NotErrorIs(t, err, unavailable.Err)
		})
	}
}

func TestProviderSourcesIsTheEnvironment(t *testing.T) {
	assert.Equal(t, []aws.CredentialSource{aws.CredentialSourceEnvVars}, envcreds.New().ProviderSources())
}

// Whatever follows a good value: no error shows any of the values, and what is accepted can be sent in a header.
func FuzzNoErrorShowsAValue(f *testing.F) {
	f.Add("x\ny", uint8(0))
	f.Add("\u200b", uint8(1))
	f.Add("\x00", uint8(2))
	f.Add("-", uint8(3))
	f.Add("", uint8(4))
	f.Fuzz(func(t *testing.T, ending string, which uint8) {
		env := map[string]string{
			"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": session, "AWS_ACCOUNT_ID": "012345678901",
		}
		names := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCOUNT_ID"}
		env[names[int(which)%len(names)]] += ending
		if which >= 128 {
			delete(env, names[int(which/4)%len(names)])
		}
		p := provider(env)
		got, err := p.Retrieve(t.Context())
		if err == nil {
			for _, value := range []string{got.AccessKeyID, got.SecretAccessKey, got.SessionToken, got.AccountID} {
				if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
					t.Fatalf("accepted %q", value)
				}
			}
			if !got.HasKeys() {
				t.Fatal("no error and no keys")
			}
			return
		}
		if got != (aws.Credentials{}) {
			t.Fatal("an error and credentials")
		}
		shown := fmt.Sprintf("%v %+v %#v %s", err, err, err, p.Configured())
		for _, value := range []string{keyID, secret, session, "012345678901"} {
			if strings.Contains(shown, value) {
				t.Fatalf("shown: %s", shown)
			}
		}
	})
}

package chaintest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
)

func of(p aws.CredentialsProvider) func(*testing.T) aws.CredentialsProvider {
	return func(*testing.T) aws.CredentialsProvider { return p }
}

// breach is a provider that breaks the contract in one way.
type breach func(ctx context.Context) (aws.Credentials, error)

func (b breach) Retrieve(ctx context.Context) (aws.Credentials, error) { return b(ctx) }
func (b breach) Configured() string                                    { return "SOME_VARIABLE" }

func TestAGoodProviderHasNoProblems(t *testing.T) {
	TestProvider(t, Contract{
		Working: of(NewProvider(Session("AKID", time.Hour))), Unconfigured: of(NewProvider()), Failing: of(NewProvider(Fail(errors.New("down")))), Secrets: []string{"hidden"},
	})
}

func TestEveryBreachIsFound(t *testing.T) {
	plain, down := Credentials("AKID"), errors.New("down")
	for _, row := range []struct {
		breach  string
		c       Contract
		problem string
	}{
		{"no keys", Contract{Working: of(breach(func(context.Context) (aws.Credentials, error) { return aws.Credentials{Source: "x"}, nil }))}, "the credentials lack the access key id"},
		{"expired", Contract{Working: of(NewProvider(Session("AKID", -time.Second)))}, "expired already"},
		{"no source", Contract{Working: of(NewProvider(From("", plain)))}, "no Source"},
		{"always fails", Contract{Working: of(NewProvider(Fail(down)))}, "Retrieve: down"},
		{"fails among others", Contract{Working: of(NewProvider(plain, plain, Fail(down)))}, "Retrieve among others: down"},
		{"ignores its context", Contract{Working: of(breach(func(context.Context) (aws.Credentials, error) { return plain(context.Background()) }))}, "gave credentials"},
		{"takes the caller's leaving for nothing here", Contract{Working: of(breach(func(ctx context.Context) (aws.Credentials, error) {
			if ctx.Err() != nil {
				return Unavailable("gone")(ctx)
			}
			return plain(ctx)
		}))}, "matches chain.ErrUnavailable"},
		{"hides the context's end", Contract{Working: of(breach(func(ctx context.Context) (aws.Credentials, error) {
			if ctx.Err() != nil {
				return aws.Credentials{}, down
			}
			return plain(ctx)
		}))}, "matches neither"},
		{"unconfigured is a failure", Contract{Working: of(NewProvider(plain)), Unconfigured: of(NewProvider(Fail(down)))}, "does not match chain.ErrUnavailable"},
		{"a failure is unavailable", Contract{Working: of(NewProvider(plain)), Failing: of(NewProvider())}, "would go on quietly"},
		{"says a secret", Contract{Working: of(NewProvider(plain)), Failing: of(NewProvider(Fail(fmt.Errorf("with %w", errors.New("hidden"))))), Secrets: []string{"hidden"}}, "holds a secret"},
		{"configured by nothing", Contract{Working: of(NewProvider(plain)), Unconfigured: of(breach(Unavailable("x")))}, `Configured() = "SOME_VARIABLE"`},
	} {
		t.Run(row.breach, func(t *testing.T) {
			var problems []string
			for _, check := range checks {
				problems = append(problems, check.problems(t, row.c)...)
			}
			assert.Contains(t, fmt.Sprint(problems), row.problem)
		})
	}
}

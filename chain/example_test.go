package chain_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/chain"
	"example.com/podrole/chain/chaintest"
	"example.com/podrole/webidentity/ststest"
)

// The quick start of the README. It is not run here: it asks the machine that it runs on.
func ExampleNewDefault() {
	ctx := context.Background()

	creds := chain.NewDefault()
	defer creds.Close()
	if _, err := creds.Retrieve(ctx); err != nil { // fail at start-up, with the reason
		log.Fatal(err)
	}
	cfg := aws.Config{Region: "ap-northeast-2", Credentials: creds}

	_ = cfg // kinesis.NewFromConfig(cfg)
}

// A service's own unit test: a pod whose service account the trust policy does not name.
func ExampleNewDefault_refused() {
	sts := ststest.New()
	role := "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	if err := sts.SetTrustPolicy(role, sts.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher")); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(sts)
	defer server.Close()
	dir, err := os.MkdirTemp("", "token")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	tokens, err := sts.NewTokenDir(dir, ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher-canary"})
	if err != nil {
		log.Fatal(err)
	}
	env := map[string]string{ // what the EKS webhook injects, and where STS is
		"AWS_ROLE_ARN":                role,
		"AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path(),
		"AWS_ENDPOINT_URL_STS":        server.URL,
		"AWS_REGION":                  "us-east-1",
	}

	creds := chain.NewDefault(func(o *chain.Options) {
		o.LookupEnv = func(name string) (string, bool) { value, ok := env[name]; return value, ok }
		o.Logger = slog.New(slog.DiscardHandler)
	})
	defer creds.Close()

	_, err = creds.Retrieve(context.Background())
	var failed *chain.Error
	if errors.As(err, &failed) {
		for _, attempt := range failed.Attempts {
			fmt.Println(attempt.Link, attempt.Outcome)
		}
	}
	// Output:
	// env unavailable
	// webidentity failed
}

// Any aws.CredentialsProvider can be a link. Unavailable says which errors of one that does not know ErrUnavailable mean "try the next".
func ExampleNew() {
	errNoProfile := errors.New("no such profile")
	profile := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errNoProfile })

	creds := chain.New([]chain.Link{
		{Name: "profile", Provider: profile, Unavailable: func(err error) bool { return errors.Is(err, errNoProfile) }},
		{Name: "vault", Provider: chaintest.NewProvider(chaintest.Credentials("AKIDVAULT"))},
	}, func(o *chain.Options) { o.Logger = slog.New(slog.DiscardHandler) })
	defer creds.Close()

	got, err := creds.Retrieve(context.Background())
	fmt.Println(got.AccessKeyID, err, creds.Status().Provider)
	// Output: AKIDVAULT <nil> vault
}

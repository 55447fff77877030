package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/podrole/cache"
)

func Example() {
	// Any provider will do: stscreds.NewAssumeRoleProvider(client, roleARN), for one.
	provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "ASIAEXAMPLE000000001", SecretAccessKey: "…", SessionToken: "…", Source: "AssumeRoleProvider",
			CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
	})

	creds := cache.New(provider)
	defer creds.Close()
	cfg := aws.Config{Region: "ap-northeast-2", Credentials: creds} // give it to the clients

	// Fail at start-up, not at the first request.
	got, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.AccessKeyID, "from", got.Source)
	fmt.Println("asked again in", time.Until(got.Expires).Round(time.Minute))
	// Output:
	// ASIAEXAMPLE000000001 from AssumeRoleProvider
	// asked again in 59m0s
}

func ExampleSessionCache_Status() {
	creds := cache.New(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEXAMPLE000000001", SecretAccessKey: "…", Source: "EnvConfigCredentials"}, nil
	}))
	_, _ = creds.Retrieve(context.Background())
	text, _ := json.Marshal(creds.Status())
	fmt.Println(string(text))

	_ = creds.Close()
	_, err := creds.Retrieve(context.Background())
	fmt.Println(errors.Is(err, cache.ErrClosed), err)
	// Output:
	// {"state":"fresh","access_key_id":"…0001","source":"EnvConfigCredentials","stale":false,"failures":0,"counters":{"refreshes":1,"failures":0,"rechecks":0,"invalidations":0,"waits":1}}
	// true podrole: the credentials cache is closed
}

// A service that refuses a session before its time, because somebody revoked it: get another one.
func ExampleSessionCache_InvalidateCredentials() {
	session := 0
	creds := cache.New(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		session++
		return aws.Credentials{AccessKeyID: fmt.Sprintf("ASIAEXAMPLE%09d", session), SecretAccessKey: "…",
			CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
	}))
	defer creds.Close()

	revoked, _ := creds.Retrieve(context.Background())
	for range 64 { // as many requests were refused with it
		creds.InvalidateCredentials(revoked)
	}
	fresh, _ := creds.Retrieve(context.Background())
	fmt.Println(revoked.AccessKeyID, "→", fresh.AccessKeyID)
	// Output: ASIAEXAMPLE000000001 → ASIAEXAMPLE000000002
}

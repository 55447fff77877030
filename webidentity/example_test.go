package webidentity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"time"

	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

// The founding incident: the canary's service account is not the one that the role's trust policy names.
func Example() {
	const role = "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	fake := ststest.New()
	if err := fake.SetTrustPolicy(role, fake.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher")); err != nil {
		panic(err)
	}
	sts := httptest.NewServer(fake)
	defer sts.Close()
	dir, err := os.MkdirTemp("", "token")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	tokens, err := fake.NewTokenDir(dir, ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher-canary", Pod: "canary-0"})
	if err != nil {
		panic(err)
	}

	env := map[string]string{ // in a pod the EKS webhook sets these
		"AWS_ROLE_ARN":                role,
		"AWS_WEB_IDENTITY_TOKEN_FILE": tokens.Path(),
		"AWS_REGION":                  "us-east-1",
		"AWS_ENDPOINT_URL_STS":        sts.URL,
	}
	p := webidentity.New(func(o *webidentity.Options) {
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	})

	_, err = p.Retrieve(context.Background())
	if denied, ok := errors.AsType[*webidentity.DeniedError](err); ok {
		fmt.Println(denied.Code, denied.Terminal(), denied.Claims.Subject)
		fmt.Println(denied.Cure)
	}

	// Somebody mends the trust policy.
	if err := fake.SetTrustPolicy(role, fake.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher*")); err != nil {
		panic(err)
	}
	creds, err := p.Retrieve(context.Background())
	fmt.Println(creds.Source, creds.AccountID, time.Until(creds.Expires).Round(time.Hour), err)
	fmt.Println(p.CallerARN(creds))
	// Output:
	// AccessDenied true system:serviceaccount:default:gryphon-dispatcher-canary
	// its trust policy must accept sub=system:serviceaccount:default:gryphon-dispatcher-canary aud=sts.amazonaws.com from https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE (condition keys oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub and oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:aud; Principal.Federated is that issuer's provider), unless there is no such role or a Deny applies
	// WebIdentityCredentials 111122223333 1h0m0s <nil>
	// arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/default.canary-0
}

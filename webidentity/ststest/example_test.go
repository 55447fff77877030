package ststest_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/podrole/webidentity/ststest"
)

// A role that trusts one service account, asked by another one.
func Example() {
	const role = "arn:aws:iam::111122223333:role/gryphon-dispatcher"
	fake := ststest.New()
	if err := fake.SetTrustPolicy(role, fake.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher")); err != nil {
		panic(err)
	}
	server := httptest.NewServer(fake)
	defer server.Close()
	client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &server.URL})

	for _, account := range []string{"gryphon-dispatcher", "gryphon-dispatcher-canary"} {
		token := fake.MintToken(ststest.Token{Namespace: "default", ServiceAccount: account})
		out, err := client.AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: new(role), RoleSessionName: new("example"), WebIdentityToken: &token,
		})
		if err == nil {
			arn, _ := fake.Identity(*out.Credentials.AccessKeyId)
			fmt.Println("granted", arn)
		}
	}
	for _, r := range fake.Requests() {
		fmt.Println(r.Status, r.Code, r.Subject)
	}
	// Output:
	// granted arn:aws:sts::111122223333:assumed-role/gryphon-dispatcher/example
	// 200  system:serviceaccount:default:gryphon-dispatcher
	// 403 AccessDenied system:serviceaccount:default:gryphon-dispatcher-canary
}

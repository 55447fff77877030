package trustpolicy_test

import (
	"fmt"

	"example.com/podrole/webidentity/trustpolicy"
)

func Example() {
	policy, err := trustpolicy.Parse([]byte(`{
	  "Version": "2012-10-17",
	  "Statement": [{
	    "Effect": "Allow",
	    "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/0721"},
	    "Action": "sts:AssumeRoleWithWebIdentity",
	    "Condition": {
	      "StringLike": {"oidc.example.com/id/0721:sub": "system:serviceaccount:default:gryphon-dispatcher"},
	      "StringEquals": {"oidc.example.com/id/0721:aud": "sts.amazonaws.com"}
	    }
	  }]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A program that has the token uses RequestFromToken.
	fmt.Print(policy.Evaluate(trustpolicy.Request{
		Provider: "oidc.example.com/id/0721",
		Claims: map[string][]string{
			"sub": {"system:serviceaccount:default:gryphon-dispatcher-canary"},
			"aud": {"sts.amazonaws.com"},
		},
	}))
	// Output:
	// denied: statement 1 (Allow) does not apply: condition StringLike oidc.example.com/id/0721:sub: "system:serviceaccount:default:gryphon-dispatcher-canary" does not match "system:serviceaccount:default:gryphon-dispatcher": from character 49: "-canary" is left over
	//   ✗ statement 1 (Allow) does not apply
	//     ✓ principal Federated "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/0721" is the token's issuer
	//     ✓ action "sts:AssumeRoleWithWebIdentity"
	//     ✗ condition StringLike oidc.example.com/id/0721:sub: "system:serviceaccount:default:gryphon-dispatcher-canary" does not match "system:serviceaccount:default:gryphon-dispatcher"
	//         token   "system:serviceaccount:default:gryphon-dispatcher-canary"
	//         policy  "system:serviceaccount:default:gryphon-dispatcher"
	//                                                                  ^ from character 49: "-canary" is left over
	//     ✓ condition StringEquals oidc.example.com/id/0721:aud: "sts.amazonaws.com" matches "sts.amazonaws.com"
}

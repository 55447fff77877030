//go:build linux

package lab

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// roleName is the role whose trust policy accepts the service account of the same name, and no other.
const roleName = "gryphon-dispatcher"

// setUpIAM creates the OIDC provider and the role through the ordinary IAM API, inside the namespace, in a process of its own.
func setUpIAM(thumbprint string) error {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := iam.NewFromConfig(cfg)
	provider, err := client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String(issuerURL), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{thumbprint},
	})
	if err != nil {
		return err
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"%[2]s:sub":"system:serviceaccount:default:%[3]s","%[2]s:aud":"sts.amazonaws.com"}}}]}`,
		*provider.OpenIDConnectProviderArn, issuerHost, roleName)
	_, err = client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(roleName), AssumeRolePolicyDocument: aws.String(trust)})
	return err
}

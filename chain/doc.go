// Package chain gives a service its AWS credentials from the first source that has them, and always says whose they are.
//
// [NewDefault] composes environment keys, web identity (IRSA), container credentials (ECS, EKS Pod Identity) and EC2 instance
// metadata, in the order of the AWS SDK for Go v2, under a session cache that refreshes in the background. [New] composes any
// [aws.CredentialsProvider], the SDK's own included.
//
//	creds := chain.NewDefault()
//	defer creds.Close()
//	if _, err := creds.Retrieve(ctx); err != nil { // fail at start-up, with the reason
//		log.Fatal(err)
//	}
//	client := kinesis.NewFromConfig(aws.Config{Region: "ap-northeast-2", Credentials: creds})
//
// # How it decides
//
// Each link answers in one of three ways. Credentials: it wins. [ErrUnavailable]: nothing configures it, or the place it asks does
// not exist here, and the chain goes on, quietly. Any other error: the link is configured, or half configured, and failed. Then the
// chain stops and says why ([FallbackStop], the default), or goes on and logs the winner at WARN ([FallbackNext]).
//
// The chain is walked anew at each refresh; no winner is pinned. While usable credentials are held, a refresh never asks a link
// below the one that won last, so a passing failure of STS cannot turn a pod into its node. A winner that came after a failed
// link is a fallback: the failed links are asked again after a minute, then less often, and the first that recovers takes over.
//
// # Whose credentials they are
//
// One INFO record names the winner, its role and account, every link passed over and why, and every configured link that it
// shadows. In a Kubernetes pod or an ECS task the instance's role is the host's, not the workload's: that is a WARN, or refused
// with [NodeRoleRefuse]. [Options.ExpectedRoleARN] fails every link that would run the process as somebody else.
//
// # Errors
//
// A failed walk is an [*Error] with one [Attempt] for each link asked. It unwraps to the causes of the links that failed, so
// errors.As finds a smithy.APIError or an *fs.PathError in it. Errors of this package answer RetryableError() false: an SDK
// client would otherwise repeat the whole chain for each attempt of its own. No error, log record or Status holds a secret.
package chain

// Package webidentity exchanges a web identity token for the credentials of an IAM role: what AWS calls IRSA, IAM roles for service
// accounts, on EKS, and what any other cluster with an OIDC issuer can do.
//
//	AWS_WEB_IDENTITY_TOKEN_FILE  the file with the token, which the kubelet replaces while the process runs
//	AWS_ROLE_ARN                 the role
//	AWS_ROLE_SESSION_NAME        what CloudTrail shows; optional, made of the pod's name if absent
//
// The EKS webhook sets the first two in a pod whose service account is annotated with a role.
//
//	creds, err := webidentity.New().Retrieve(ctx)
//
// Environment and token are read at every Retrieve, and STS is asked AssumeRoleWithWebIdentity, unsigned. The region, the endpoint
// and the transport follow the AWS SDK's variables: AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL,
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_CA_BUNDLE and the proxy variables.
// Where no region is set, that of the EKS cluster in the token's issuer is taken, and the log says so.
//
// # What it answers
//
// Neither variable set: an error that matches chain.ErrUnavailable. The role alone: one that matches [ErrRoleOnly] as well. The token
// file alone, a bad value, a file without a token, a refusal, no answer: a failure, which stops a chain.
//
// A refusal is a [*DeniedError], which says what STS does not: the role, the token's claims, and what the role's trust policy must
// accept. A failure that is none is an [*ExchangeError], and a file without a token a [*TokenFileError]. All have a cure in one
// sentence, and the AWS SDK's or the operating system's own error below them. What asking again does not change has a method Terminal
// that returns true.
//
// One exchange asks STS three times at most, each attempt within half of the time bound, and again only for what passes by itself: a
// failure of STS, throttling, a connection that broke, and the two answers STS gives when it could not fetch the issuer's keys.
//
// # Security
//
// The token is a bearer secret. It goes to STS and nowhere else: never into an error or a log, and not along a redirect. Its claims
// are shown, and were verified by nobody; no decision rests on them but the session's default name and, where nothing names a region,
// which of AWS's own regional endpoints is asked. An endpoint set to plain http on another host is a WARN. Answers are cut off at
// 64 KiB, and their text is never quoted.
package webidentity

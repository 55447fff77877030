// Package ecs takes AWS credentials from the agent beside a container: the role of an Amazon ECS task, or of an EKS pod with a
// Pod Identity association. Both speak one protocol, over link-local addresses.
//
//	AWS_CONTAINER_CREDENTIALS_RELATIVE_URI   ECS: a path at http://169.254.170.2; it begins with a slash
//	AWS_CONTAINER_CREDENTIALS_FULL_URI       EKS Pod Identity and others: the whole URL; the relative one counts first
//	AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE   a file with the Authorization header's value, read anew at every Retrieve
//	AWS_CONTAINER_AUTHORIZATION_TOKEN        that value itself; the file counts first
//
// ECS, or the EKS webhook, sets them in the container. Options beat variables.
//
//	creds, err := ecs.New().Retrieve(ctx)
//
// # What it answers
//
// No URI and no token: an error that matches chain.ErrUnavailable, so that a chain asks its next provider. Everything else that
// is not credentials is a failure, which stops a chain, because a container that was given a role must not run as its host: a
// token without a URI, a URL that the rules below forbid, an unreadable token file, an agent that refuses, is silent, or answers
// with something else. An agent may not be ready on a new node: no connection, 429, 5xx and unreadable answers are asked again
// with growing, jittered pauses. One Retrieve takes at most Options.Timeout, 5 s.
//
// A refusal is explained from its status, from the agent's error code and from the audience and expiry inside the token.
//
// # Security
//
// Credentials and token travel in the clear, so http goes to loopback, 169.254.170.2, 169.254.170.23 and fd00:ec2::23 and nowhere
// else; https goes to any host. A name is resolved first, all its addresses must be allowed, and the checked address is the one
// dialled. No proxy, no redirect, no answer over 64 KiB. The token is sent only after the check. Of an answer, errors and log
// records hold the error code, the request id and the host that a redirect names, and nothing else; of the token its subject, audience
// and expiry, if it is a JWT. What of an answer holds a piece of the token is dropped.
package ecs

// Package imds takes the credentials of an EC2 instance's role from the instance metadata service, with IMDSv2 sessions.
//
// In a container they are the node's credentials, shared by everything that runs there, and hardly ever what a workload is meant
// to have; package chain says so aloud.
//
//	AWS_EC2_METADATA_DISABLED                "true": do not ask
//	AWS_EC2_METADATA_SERVICE_ENDPOINT        another URL; its path is ignored
//	AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE   IPv4 (http://169.254.169.254) or IPv6 (http://[fd00:ec2::254])
//	AWS_EC2_METADATA_V1_DISABLED             "false" asks for the IMDSv1 fallback, "true" forbids it
//	AWS_EC2_INSTANCE_PROFILE_NAME            the role to ask for, instead of the first one listed
//	AWS_METADATA_SERVICE_TIMEOUT             seconds for one attempt, a whole number, as botocore has it
//	AWS_METADATA_SERVICE_NUM_ATTEMPTS        attempts for one request, as botocore has it
//
// Options beat variables, but that AWS_EC2_METADATA_V1_DISABLED=true is the operator's word and beats Options.AllowV1.
//
//	creds, err := imds.New().Retrieve(ctx)
//
// The SDK's client of the same service is a package imds too (feature/ec2/imds): a file that imports both renames one of them.
//
// # What it answers
//
// The error matches chain.ErrUnavailable, so that a chain asks its next provider, where there is nothing for us: the service is
// switched off by variable, connections are refused or find no route, nobody answers, the endpoint's name has no address,
// no role is attached to the instance, or what answers is not EC2's (Google Cloud and Azure serve the same address).
// "Nothing there" is said at once, silence within 2 s unless the variables ask for more.
//
// Anything else is a failure, which stops a chain: EC2's service answers but refuses, runs out of time midway, or hands out
// something that is not credentials; or a host refuses session tokens and cannot be got to show whether it is EC2's; or the
// service answered this provider before and is gone. 429, 5xx, broken connections and unreadable answers are asked again within
// the same bound.
//
// Expires is the true one; the AWS SDK for Go v2 cuts it to an hour.
//
// A token request that is never answered by a host that otherwise answers is what a container sees whose instance has a
// metadata hop limit of 1. The error says so, and names the cures.
//
// # Security
//
// IMDSv1, which any SSRF can use, is spoken only where it was asked for, and then with a warning. Requests go to 169.254.169.254,
// fd00:ec2::254 and loopback; to another host only where the endpoint option or variable names it, with a warning. No
// proxy, no redirect, no answer over 64 KiB. The provider keeps the session token and the role's name, and no credentials.
// Errors and log records hold URLs, status codes and role names; never a token or any part of a document but its error code.
package imds

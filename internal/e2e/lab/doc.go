// Package lab runs the whole road of an EKS pod on one machine, with the real names and addresses and no endpoint override: an OIDC
// issuer at oidc.eks.us-east-1.amazonaws.com, somebody else's STS with IAM trust policies (versitygw) at sts.us-east-1.amazonaws.com,
// somebody else's instance metadata service (amazon-ec2-metadata-mock) at 169.254.169.254, and examples/whoami as the subject.
//
// All of it lives in a network namespace that the tests make and that has no way out. They need Linux, root and iproute2, and are
// skipped, saying why, without.
package lab

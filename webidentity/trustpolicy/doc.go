// Package trustpolicy evaluates the trust policy of an IAM role against a web identity token, offline, and says why the token may or
// may not take the role: statement by statement, condition by condition.
//
// STS answers a token that a trust policy does not accept with AccessDenied and names neither the claim nor the condition. The token is
// in the pod's hand and the policy a command away, so that the answer can be had here:
//
//	policy, err := trustpolicy.Parse(document) // aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument
//	request, err := trustpolicy.RequestFromToken(token)
//	result := policy.Evaluate(request)
//	fmt.Print(result)
//
// prints, for a policy that was written for another service account,
//
//	denied: statement 1 (Allow) does not apply: condition StringLike oidc.eks.…:sub: "system:serviceaccount:default:gryphon-dispatcher-canary"
//	does not match "system:serviceaccount:default:gryphon-dispatcher": from character 49: "-canary" is left over
//
// and under it the tree of everything that was looked at. [Result.Warnings] tell of a policy that is too wide, whatever the token.
//
// # What is evaluated
//
// Effect, Principal and NotPrincipal, Action and NotAction, and Condition with every string, ARN, Bool and Null operator, their
// IfExists, ForAnyValue and ForAllValues forms, wildcards and policy variables, as the IAM User Guide documents them. The keys that are
// known are those of the token: <issuer>:sub, aud, oaud, amr and email, in any letter case, and aws:RequestTag, aws:TagKeys,
// sts:TransitiveTagKeys and sts:SourceIdentity.
//
// A token with session tags, its claim https://aws.amazon.com/tags, needs leave for sts:TagSession as well, and one with a source identity
// for sts:SetSourceIdentity: the verdict is [Allowed] where the policy allows all that the token asks for. The tokens of EKS ask for neither.
//
// # What cannot be known
//
// Keys of the request (aws:SourceIp, sts:RoleSessionName), numeric, date, address and binary operators, claims of which STS makes keys
// for some providers only, whether STS takes a token with several audiences, and what IAM's documentation leaves open, a policy variable
// without a value for one: where the verdict turns on them it is [Unknown], which is neither yes nor no. [Allowed] speaks of the trust
// policy alone: STS also checks the token's signature, its expiry and the audiences of the OIDC provider, and organisations can forbid the
// call by a policy of their own.
//
// # Bounds
//
// [Parse] takes 131072 bytes, the IAM API's maximum for a trust policy, and [RequestFromToken] 20000 characters, the STS API's for a token.
// [Policy.Evaluate] compares some hundred million characters at most, half a second's work; what is left over then cannot be known.
//
// # Security
//
// Nothing is verified, so that a verdict is an explanation and never a decision. Texts hold claims, ARNs and the policy, never the
// token or its signature, nor another token that one of them holds; foreign values are quoted, so that they do nothing to a terminal. A
// [Request] has the claims as they are.
package trustpolicy

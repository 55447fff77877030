// Package ststest is a fake AWS STS, with the OIDC issuer of a Kubernetes cluster beside it, for the tests of whoever exchanges web
// identity tokens.
//
//	s := ststest.New()
//	role := "arn:aws:iam::111122223333:role/gryphon-dispatcher"
//	s.SetTrustPolicy(role, s.TrustPolicy("system:serviceaccount:default:gryphon-dispatcher"))
//	server := httptest.NewServer(s)                                          // AWS_ENDPOINT_URL_STS
//	tokens, err := s.NewTokenDir(t.TempDir(), ststest.Token{Namespace: "default", ServiceAccount: "gryphon-dispatcher"})
//	                                                                         // AWS_WEB_IDENTITY_TOKEN_FILE is tokens.Path()
//
// It has behaviour and no canned answers: AssumeRoleWithWebIdentity checks the request, the token's issuer, signature, audience and
// times, and evaluates the role's trust policy, in this order; what does not pass is answered with the code, the HTTP status and the
// message of AWS's STS. A role that does not exist and one whose trust policy does not accept the token are the same 403 AccessDenied.
// A trust policy that cannot be decided offline, with an IP address in it for example, does not accept.
//
// GetCallerIdentity knows the sessions that were given out, and what [Server.AddIdentity] adds. It goes by the access key id and the
// session token; it does not check the signature.
//
// # Faults, clocks and the log
//
// [Server.Fail] scripts what the next calls get in place of their answer; [Server.SetClock] puts the server's clock apart from the one
// here; [Server.Requests] is what was asked. [TokenDir] keeps a token the way the kubelet does, and rotates it by swapping a symlink.
//
// A Server is an [net/http.Handler], safe for concurrent use, and works in a testing/synctest bubble. Time is time.Now's. No test
// framework is imported.
package ststest

// Package terminal tells the answers that will not change by asking again from those that may.
package terminal

import (
	"errors"

	"github.com/aws/smithy-go"
)

// codes are the STS error codes that the AWS SDKs agreed in 2026 not to ask about again soon. ExpiredTokenException (the kubelet
// rotates the token), IDPCommunicationError and throttling are not among them: those pass by themselves.
var codes = map[string]bool{
	"AccessDenied":                     true,
	"AccessDeniedException":            true,
	"IDPRejectedClaim":                 true,
	"InvalidIdentityToken":             true,
	"MalformedPolicyDocument":          true,
	"PackedPolicyTooLarge":             true,
	"RegionDisabledException":          true,
	"RegionDisabled":                   true,
	"IDPRejectedClaimException":        true,
	"InvalidIdentityTokenException":    true,
	"MalformedPolicyDocumentException": true,
	"PackedPolicyTooLargeException":    true,
}

// Code reports whether an STS error code is terminal.
func Code(code string) bool { return codes[code] }

// Is reports whether err is a terminal answer: it says so itself by a method Terminal() bool, or it is an AWS API error with a terminal code.
func Is(err error) bool {
	var self interface{ Terminal() bool }
	if errors.As(err, &self) {
		return self.Terminal()
	}
	var api smithy.APIError
	return errors.As(err, &api) && Code(api.ErrorCode())
}

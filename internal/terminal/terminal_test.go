package terminal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/terminal"
)

// says is an error with a word of its own on the matter.
type says bool

func (s says) Error() string  { return fmt.Sprintf("terminal: %t", bool(s)) }
func (s says) Terminal() bool { return bool(s) }

func api(code string) error {
	return fmt.Errorf("sts: %w", &smithy.GenericAPIError{Code: code, Message: "no"})
}

func TestSTSCodes(t *testing.T) {
	for code, want := range map[string]bool{
		"AccessDenied": true, "AccessDeniedException": true,
		"IDPRejectedClaim": true, "IDPRejectedClaimException": true,
		"InvalidIdentityToken": true, "InvalidIdentityTokenException": true,
		"MalformedPolicyDocument": true, "MalformedPolicyDocumentException": true,
		"PackedPolicyTooLarge": true, "PackedPolicyTooLargeException": true,
		"RegionDisabledException": true, "RegionDisabled": true,

		"ExpiredTokenException": false, "ExpiredToken": false, // the kubelet rotates the token
		"IDPCommunicationError": false, // STS could not reach the issuer
		"Throttling":            false, "ThrottlingException": false, "RequestLimitExceeded": false, "SlowDown": false,
		"InternalFailure": false, "ServiceUnavailable": false, "RequestTimeout": false,
		"accessdenied": false, "": false, "Unheard": false,
	} {
		assert.Equal(t, want, terminal.Code(code), code)
		assert.Equal(t, want, terminal.Is(api(code)), code)
	}
}

func TestAnErrorsOwnWordCountsBeforeItsCode(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                                  {nil, false},
		"any error":                            {errors.New("refused"), false},
		"says so":                              {says(true), true},
		"says no":                              {says(false), false},
		"wrapped":                              {fmt.Errorf("webidentity: %w", says(true)), true},
		"says no around a terminal code":       {errors.Join(says(false), api("AccessDenied")), false},
		"says so around a passing code":        {errors.Join(says(true), api("Throttling")), true},
		"the outer word counts":                {outer{says(true)}, false},
		"a code inside an error without words": {errors.Join(errors.New("denied"), api("AccessDenied")), true},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, terminal.Is(tc.err)) })
	}
}

type outer struct{ error }

func (o outer) Unwrap() error { return o.error }
func (outer) Terminal() bool  { return false }

package webidentity

import (
	"fmt"
	"time"
)

// Exchange is what was asked of STS and what came back: the part that [DeniedError] and [ExchangeError] share.
type Exchange struct {
	Operation string // AssumeRoleWithWebIdentity or GetCallerIdentity
	RoleARN   string // empty for GetCallerIdentity, like the next two
	TokenFile string
	Claims    Claims // of the token; zero if it is not a JWT
	Endpoint  string // the URL of the STS that was asked, without user name and query
	Region    string

	Code       string    // STS's error code; empty if the answer had none
	Status     int       // the HTTP status; 0 if there was no answer
	RequestID  string    // empty if the answer had none
	ServerTime time.Time // the answer's Date; zero if it had none

	inspectErr error // the token could not be read as a JWT
}

// DeniedError says that STS refused: it answered with an error code that is about the token, the role or the request.
// The AWS SDK's own error, [smithy.APIError] and the types of service/sts/types, is reachable by errors.As, unless its text holds a piece
// of the token.
type DeniedError struct {
	Exchange
	// Cure says what is wrong or what to do about it, in one sentence.
	Cure string

	final bool
	err   error
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("STS refused %s (%s): %s%s", e.what(), e.Code, e.Cure, e.trailer())
}

func (e *DeniedError) Unwrap() error { return e.err }

// Terminal reports whether asking again changes nothing until somebody changes the role, its provider or the request. An expired
// token, for one, is not terminal: the next one may be there in a minute.
func (e *DeniedError) Terminal() bool { return e.final }

// RetryableError reports false, so that an SDK client's retry loop does not repeat an exchange that was repeated already.
func (e *DeniedError) RetryableError() bool { return false }

// ExchangeError says that no credentials came for a reason that is not a refusal: STS was not reached, something else answered in its
// place, or STS could not answer just then. It is never terminal.
type ExchangeError struct {
	Exchange
	// Cure says what is wrong or what to do about it, in one sentence.
	Cure string

	problem string
	err     error
}

func (e *ExchangeError) Error() string {
	call := e.Operation
	if e.RoleARN != "" {
		call += " for " + e.what()
	}
	return fmt.Sprintf("%s: %s: %s%s", call, e.problem, e.Cure, e.trailer())
}

func (e *ExchangeError) Unwrap() error { return e.err }

// Terminal reports false.
func (e *ExchangeError) Terminal() bool { return false }

// RetryableError reports false, so that an SDK client's retry loop does not repeat an exchange that was repeated already.
func (e *ExchangeError) RetryableError() bool { return false }

func (x *Exchange) what() string {
	if x.RoleARN != "" {
		return "role " + show(x.RoleARN)
	}
	return x.Operation
}

func (x *Exchange) trailer() string {
	if x.RequestID == "" {
		return ""
	}
	return " (request id " + x.RequestID + ")"
}

package timeout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/timeout"
)

func TestTheTextSaysWhatRanOutAndWhen(t *testing.T) {
	for want, err := range map[string]error{
		"web identity: timed out":                             &timeout.Error{Op: "web identity"},
		"web identity: timed out after 10s":                   &timeout.Error{Op: "web identity", Bound: 10 * time.Second},
		"imds: timed out after 1.235s":                        &timeout.Error{Op: "imds", Bound: 1234567 * time.Microsecond},
		"imds: timed out (PUT: 503)":                          &timeout.Error{Op: "imds", Last: "PUT: 503"},
		"imds: timed out after 2s (connection refused twice)": &timeout.Error{Op: "imds", Bound: 2 * time.Second, Last: "connection refused twice"},
	} {
		assert.EqualError(t, err, want)
	}
}

func TestOurBoundIsNeverTakenForTheCallersDeadline(t *testing.T) {
	err := fmt.Errorf("imds: %w", &timeout.Error{Op: "role list", Bound: time.Second})
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)

	asTimeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	assert.True(t, ok && asTimeout.Timeout())
}

// The SDK's retry loop takes most time-outs for a reason to try again; this one says no before it is asked for that.
func TestTheSDKDoesNotRetryIt(t *testing.T) {
	err := fmt.Errorf("get credentials: %w", &timeout.Error{Op: "web identity", Bound: time.Second})
	assert.False(t, retry.NewStandard().IsErrorRetryable(err))
	assert.True(t, retry.NewStandard().IsErrorRetryable(otherTimeout{}), "a time-out of anybody else is retried")
}

type otherTimeout struct{}

func (otherTimeout) Error() string { return "timed out" }
func (otherTimeout) Timeout() bool { return true }

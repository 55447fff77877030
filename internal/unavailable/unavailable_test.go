package unavailable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/unavailable"
)

func TestErrorfMatchesTheSentinelAndSaysOnlyWhy(t *testing.T) {
	err := unavailable.Errorf("%s is not set", "AWS_ROLE_ARN")
	assert.ErrorIs(t, err, unavailable.Err)
	assert.ErrorIs(t, fmt.Errorf("webidentity: %w", err), unavailable.Err)
	assert.EqualError(t, err, "AWS_ROLE_ARN is not set")
}

func TestTheCauseStaysReachable(t *testing.T) {
	err := unavailable.Errorf("no answer: %w", &fs.PathError{Op: "open", Path: "token", Err: fs.ErrNotExist})
	assert.ErrorIs(t, err, unavailable.Err)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	path, ok := errors.AsType[*fs.PathError](err)
	assert.True(t, ok)
	assert.Equal(t, "token", path.Path)
}

func TestOtherErrorsDoNotMatch(t *testing.T) {
	assert.NotErrorIs(t, errors.New("no credentials here"), unavailable.Err)
	assert.NotErrorIs(t, unavailable.Errorf("not here"), unavailable.Errorf("not here"), "a reason is no sentinel")
}

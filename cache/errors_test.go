package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/cache"
)

// A provider that answers at the very moment of the deadline may be heard or not: the caller is to see the same either way.
func TestAnErrorAboutOurOwnContextBecomesTheReasonForWhichItEnded(t *testing.T) {
	late := &cache.TimeoutError{Op: "credentials refresh", Bound: 3 * time.Second}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(late)
	closed, cancel := context.WithCancelCause(t.Context())
	cancel(cache.ErrClosed)
	post := fmt.Errorf("Post https://sts.example.com/: %w", context.DeadlineExceeded)

	assert.EqualError(t, cache.Cut(ended, post), "credentials refresh: timed out after 3s (Post https://sts.example.com/: context deadline exceeded)")
	assert.NotErrorIs(t, cache.Cut(ended, post), context.DeadlineExceeded)
	assert.EqualError(t, cache.Cut(ended, context.DeadlineExceeded), "credentials refresh: timed out after 3s")
	assert.Equal(t, cache.ErrClosed, cache.Cut(closed, context.Canceled))

	other := errors.New("AccessDenied")
	assert.Equal(t, other, cache.Cut(ended, other), "an answer that came in time is kept")
	assert.Equal(t, post, cache.Cut(t.Context(), post), "the provider's own bound")
	assert.NoError(t, cache.Cut(ended, nil))
}

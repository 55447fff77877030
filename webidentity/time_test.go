package webidentity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/terminal"
	"example.com/podrole/internal/timeout"
	"example.com/podrole/internal/unavailable"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

func TestSTSThatNeverAnswersEndsInTheProvidersOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Break(ststest.Hang)
		begin := time.Now()
		err := w.fail()
		assert.Equal(t, 10*time.Second, time.Since(begin))
		var late *timeout.Error
		require.ErrorAs(t, err, &late)
		assert.Equal(t, 10*time.Second, late.Bound)
		assert.EqualError(t, err, "web identity: timed out after 10s (attempt 2 of 3 to ask https://"+stsHost+"; before, no answer from https://"+stsHost+" within 5s)")
		assert.NotErrorIs(t, err, context.DeadlineExceeded, "that would be the caller's deadline")
		assert.NotErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, unavailable.Err)
		assert.False(t, terminal.Is(err))
		assert.Equal(t, 2, w.sts.Count("AssumeRoleWithWebIdentity"), "one attempt that hangs leaves time for another")
	})
}

func TestSwallowedConnectionsEndInTheProvidersOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Blackhole(stsHost + ":443")
		begin := time.Now()
		err := w.fail(func(o *webidentity.Options) { o.Timeout = 3 * time.Second })
		assert.Equal(t, 3*time.Second, time.Since(begin))
		var late *timeout.Error
		require.ErrorAs(t, err, &late)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// The headers come, and half of the body, and then nothing.
func TestAnswerThatStopsInTheMiddleIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var broken atomic.Int32 // that many answers stop
		broken.Store(1)
		t.Cleanup(w.net.Serve("127.0.0.1:9000", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if broken.Add(-1) < 0 {
				w.sts.ServeHTTP(rw, r)
				return
			}
			assert.NoError(t, r.ParseForm())
			rw.Header().Set("Content-Length", "5000")
			fmt.Fprint(rw, "<html>")
			assert.NoError(t, http.NewResponseController(rw).Flush())
			<-r.Context().Done()
		})))
		w.env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:9000"
		begin := time.Now()
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err, "the second attempt succeeds")
		assert.Less(t, time.Since(begin), 6*time.Second)

		broken.Store(100)
		err = w.fail(func(o *webidentity.Options) { o.Timeout = time.Second })
		assert.ErrorContains(t, err, "no answer from http://127.0.0.1:9000 within 500ms")
		assert.NotContains(t, err.Error(), "HTML", "of an answer that did not end nothing is known")
	})
}

func TestTimeoutSaysWhatWentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Break(ststest.Throttling)
		err := w.fail(func(o *webidentity.Options) { o.Timeout = time.Millisecond })
		assert.EqualError(t, err, "web identity: timed out after 1ms (attempt 1 of 3 to ask https://"+stsHost+" was over; before, STS answered Throttling)")
	})
}

func TestSlowButSteadyAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Fail(ststest.Fault{Delay: 4900 * time.Millisecond})
		_, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, w.sts.Count("AssumeRoleWithWebIdentity"))
	})
}

func TestCallersEndIsTheCallersAndAtOnce(t *testing.T) {
	reason := errors.New("the caller has seen enough")
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"cancel with a cause": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(reason) })
			return ctx, func() { cancel(nil) }
		},
		"deadline with a cause": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Second, reason)
		},
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.Break(ststest.Hang)
				ctx, cancel := end(t.Context())
				defer cancel()
				begin := time.Now()
				_, err := w.provider().Retrieve(ctx)
				assert.Equal(t, time.Second, time.Since(begin))
				require.ErrorIs(t, err, context.Cause(ctx))
				assert.ErrorContains(t, err, "webidentity: ")
				assert.NotErrorIs(t, err, unavailable.Err)
				var late *timeout.Error
				assert.False(t, errors.As(err, &late), "the bound was not the provider's")
			})
		})
	}
}

func TestEndedCallerSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.provider().Retrieve(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, w.net.Dials())
	})
}

// A client of the user's that does not listen to its context holds nobody up.
func TestDeafClientHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		defer close(release)
		begin := time.Now()
		err := w.fail(func(o *webidentity.Options) {
			o.Client = clientFunc(func(context.Context, *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
				<-release
				return nil, errors.New("too late")
			})
		})
		assert.Equal(t, 10*time.Second, time.Since(begin))
		assert.EqualError(t, err, "web identity: timed out after 10s (asking the STS client that was given)")
		var late *timeout.Error
		require.ErrorAs(t, err, &late)
	})
}

// Retries wait, but never so long that an exchange becomes a time-out of its own making.
func TestRetriesFitIntoTheExchange(t *testing.T) {
	for name, fault := range map[string]ststest.Fault{"failure": ststest.InternalFailure, "throttling": ststest.Throttling} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 20 { // the waits are random
					w := newWorld(t)
					w.sts.Break(fault)
					begin := time.Now()
					var failed *webidentity.ExchangeError
					require.ErrorAs(t, w.fail(), &failed)
					assert.Less(t, time.Since(begin), 5*time.Second)
					assert.Equal(t, 3, w.sts.Count("AssumeRoleWithWebIdentity"))
				}
			})
		})
	}
}

// An SDK client whose own retry loop asks for credentials again and again would make nine calls out of one.
func TestSDKClientDoesNotRepeatAnExchange(t *testing.T) {
	for name, fault := range map[string]ststest.Fault{"failure": ststest.InternalFailure, "throttling": ststest.Throttling, "keys": ststest.NoVerificationKey, "hang": ststest.Hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sts.Break(fault)
				client := sts.New(sts.Options{Region: "us-east-1", Credentials: w.provider()})
				_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
				require.Error(t, err)
				assert.LessOrEqual(t, w.sts.Count("AssumeRoleWithWebIdentity"), 3)
				assert.Zero(t, w.sts.Count("GetCallerIdentity"))
			})
		})
	}
}

// The client that is given has its own idea of retries; an exchange keeps to this package's.
func TestGivenClientAsksThreeTimesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sts.Break(ststest.InternalFailure)
		client := sts.New(sts.Options{Region: "us-east-1", RetryMaxAttempts: 8, HTTPClient: w.plainClient(), BaseEndpoint: new("http://127.0.0.1:9000")})
		t.Cleanup(w.net.Serve("127.0.0.1:9000", w.sts))
		err := w.fail(func(o *webidentity.Options) { o.Client = client })
		var failed *webidentity.ExchangeError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, 3, w.sts.Count("AssumeRoleWithWebIdentity"))
		assert.Equal(t, 500, failed.Status)
		assert.Equal(t, "http://127.0.0.1:9000", failed.Endpoint)

		w.sts.Mend()
		p := w.provider(func(o *webidentity.Options) { o.Client = client })
		creds, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), p.ServerTime(creds), time.Second, "a Date has whole seconds")
	})
}

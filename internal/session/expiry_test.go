package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	"example.com/podrole/internal/session"
)

func TestSmallDifferencesBetweenClocksAreNoSkew(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]time.Duration{
		0:                              0,
		5 * time.Minute:                0,
		-5 * time.Minute:               0,
		5*time.Minute + time.Second:    5*time.Minute + time.Second,
		-(5*time.Minute + time.Second): -(5*time.Minute + time.Second),
		24 * time.Hour:                 24 * time.Hour,
	} {
		assert.Equal(t, want, session.Skew(now.Add(-ahead), now), ahead)
	}
	assert.Zero(t, session.Skew(time.Time{}, now), "a server that says no time")
}

// In a bubble the clock here is 2000-01-01T00:00:00Z.
func TestExpiryIsJudgedByTheServersClockWhereOursIsOff(t *testing.T) {
	for name, tc := range map[string]struct {
		expires, server time.Duration // from now; server zero is unknown
		never           bool
		want            string
	}{
		"an hour to live":                {expires: time.Hour, server: time.Second},
		"an hour to live, time unknown":  {expires: time.Hour},
		"never expires":                  {expires: -time.Hour, never: true},
		"expired":                        {expires: -time.Minute, server: time.Second, want: "the credentials had already expired when they arrived: at 1999-12-31T23:59:00Z (the clock here says 2000-01-01T00:00:00Z, the server's says 2000-01-01T00:00:01Z)"},
		"expired, time unknown":          {expires: -time.Minute, want: "the credentials had already expired when they arrived: at 1999-12-31T23:59:00Z (the clock here says 2000-01-01T00:00:00Z)"},
		"expires this very instant":      {expires: 0, want: "the credentials had already expired when they arrived: at 2000-01-01T00:00:00Z (the clock here says 2000-01-01T00:00:00Z)"},
		"our clock is a day ahead":       {expires: -23 * time.Hour, server: -24 * time.Hour},
		"our clock is a day behind":      {expires: time.Hour, server: 24 * time.Hour, want: "the credentials had already expired when they arrived: at 2000-01-01T01:00:00Z (the clock here says 2000-01-01T00:00:00Z, the server's says 2000-01-02T00:00:00Z)"},
		"our clock is a little ahead":    {expires: -time.Minute, server: -2 * time.Minute, want: "the credentials had already expired when they arrived: at 1999-12-31T23:59:00Z (the clock here says 2000-01-01T00:00:00Z, the server's says 1999-12-31T23:58:00Z)"},
		"15 seconds left on both clocks": {expires: 15 * time.Second, server: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				creds := aws.Credentials{CanExpire: !tc.never, Expires: now.Add(tc.expires)}
				var server time.Time
				if tc.server != 0 {
					server = now.Add(tc.server)
				}
				err := session.CheckExpiry(creds, server)
				if tc.want == "" {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, tc.want)
				}
			})
		})
	}
}

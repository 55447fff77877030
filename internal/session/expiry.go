package session

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// MaxSkew is the difference between two clocks up to which ours is believed. SigV4 allows a request's date to be as far off
// (AWS General Reference, "Signature Version 4 signing process").
const MaxSkew = 5 * time.Minute

// MinLife is the least life with which credentials are worth having: with less, a request signed with them may not arrive in time.
// It also bounds how often a source of very short sessions is asked.
const MinLife = time.Second

// Skew returns how far our clock is ahead of the server's, whose time was serverTime when ours was now; zero where the server's is not
// known or the difference is within [MaxSkew].
func Skew(serverTime, now time.Time) time.Duration {
	if serverTime.IsZero() {
		return 0
	}
	// The wall clocks are compared: a monotonic reading would say nothing of the server's.
	if skew := now.Round(0).Sub(serverTime); skew.Abs() > MaxSkew {
		return skew
	}
	return 0
}

// CheckExpiry returns an error if credentials arrived already expired, or with less than [MinLife] to live, by the server's clock where
// ours disagrees with it.
func CheckExpiry(creds aws.Credentials, serverTime time.Time) error {
	if !creds.CanExpire {
		return nil
	}
	now := time.Now()
	skew := Skew(serverTime, now)
	life := creds.Expires.Sub(now.Round(0).Add(-skew))
	switch {
	case life >= MinLife:
		return nil
	case life > 0:
		return fmt.Errorf("the credentials arrived with only %s to live", life)
	}
	clocks := "the clock here says " + stamp(now)
	if !serverTime.IsZero() {
		clocks += ", the server's says " + stamp(serverTime)
	}
	return fmt.Errorf("the credentials had already expired when they arrived: at %s (%s)", stamp(creds.Expires), clocks)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

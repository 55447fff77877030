// Package session is the contract between the session cache and a source that can say more of its credentials than an
// [aws.CredentialsProvider] can: the chain. A provider that does not implement [Source] is asked by Retrieve alone.
package session

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Source is a provider that the cache asks by Fetch instead of Retrieve.
type Source interface {
	// Fetch is called for one refresh at a time, on a context of the cache's own with a deadline. It is called while an earlier
	// call still runs only if that one ignored the end of its context, and then the earlier one's answer counts no more.
	// The Answer's Recheck and Tell count also when the error is not nil.
	Fetch(ctx context.Context, held Held) (Answer, error)
}

// Budgeter is a [Source] that knows how long a Fetch may take in all while nothing usable is held: the sum of the bounds of what it
// asks. The cache waits so long, and never less than for a source that does not say.
type Budgeter interface{ Budget() time.Duration }

// Held is what the cache holds when it asks.
type Held struct {
	Credentials aws.Credentials // with their true expiry; zero when none are held
	Usable      bool            // they are unexpired and not invalidated
	Recheck     bool            // not a refresh: only Answer.Recheck of the last answer is due
}

// Answer is what a fetch found.
type Answer struct {
	Credentials aws.Credentials
	Sources     []aws.CredentialSource // where they come from, for the user agent; not changed after it is returned

	// Kept answers a recheck that found nothing better: the held credentials stay, Credentials is ignored.
	Kept bool
	// Recheck asks for another Fetch after that time, however long the credentials live; zero asks for none.
	// The Expires handed out to callers is no later than that instant, so that a cache outside this one sees the change too.
	Recheck time.Duration
	// ServerTime is the clock of the server that issued the credentials, from its answer's Date header; zero when it is not known.
	// Where it differs from the local clock by more than 5 minutes, expiry is judged by it.
	ServerTime time.Time
	// Tell, if not nil, is called once the answer is published and its waiters are released, with no lock held:
	// the place for log records and metrics, whose handlers may themselves need credentials. It may still run when the next Fetch begins.
	Tell func()
}

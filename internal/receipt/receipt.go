// Package receipt remembers of a provider's last credentials what they do not say of themselves. None of it is secret.
package receipt

import (
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Receipt is what came with credentials.
type Receipt struct {
	KeyID      string    // their access key id, by which they are known again
	Name       string    // whose they are: an ARN or a role's name, as the provider knows it; "" if it does not
	ServerTime time.Time // the Date of the answer that brought them; zero if it had none
}

// Last is the last receipt. Its zero value is ready for use, and it is safe for concurrent use.
type Last struct{ receipt atomic.Pointer[Receipt] }

// Keep replaces the last receipt.
func (l *Last) Keep(r Receipt) { l.receipt.Store(&r) }

// Of returns the receipt of the credentials, the zero one if the last was not theirs.
func (l *Last) Of(creds aws.Credentials) Receipt {
	if r := l.receipt.Load(); r != nil && r.KeyID == creds.AccessKeyID {
		return *r
	}
	return Receipt{}
}

// Package unavailable holds the value of the sentinel that the whole library shares: "nothing for me here, try the next provider".
// It stands alone so that the providers need not import package chain, which exports it as chain.ErrUnavailable.
package unavailable

import (
	"errors"
	"fmt"
)

// Err is chain.ErrUnavailable.
var Err = errors.New("no credentials here")

// Errorf returns an error that matches [Err] and says why nothing is there.
func Errorf(format string, args ...any) error {
	return &reason{fmt.Errorf(format, args...)}
}

// reason keeps the text short: a chain prints "unavailable" itself, once, before it.
type reason struct{ error }

func (r *reason) Is(target error) bool { return target == Err }
func (r *reason) Unwrap() error        { return r.error }

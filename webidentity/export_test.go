package webidentity

import (
	"context"
	"net/http"
)

// Tune puts a network of the test's own under the HTTP client that is made where none is given.
func Tune(tune func(*http.Transport)) func(*Options) {
	return func(o *Options) { o.tune = tune }
}

// AlsoTune does more to the client's transport, after what [Tune] does.
func AlsoTune(more func(*http.Transport)) func(*Options) {
	return func(o *Options) {
		tune := o.tune
		o.tune = func(tr *http.Transport) { tune(tr); more(tr) }
	}
}

var (
	SessionName      = sessionName
	ValidSessionName = validSessionName
	EKSRegion        = eksRegion
	Show             = show
)

// ReadToken reads in the caller's own goroutine.
func ReadToken(ctx context.Context, path string) (string, error) {
	return readToken(ctx, path, func() (string, error) { return readTokenOnce(path) })
}

const (
	MaxAnswer = maxAnswer
	MaxShown  = maxShown
)

package ecs

import (
	"errors"
	"fmt"
	"strings"

	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/timeout"
)

// edge prefixes what leaves the package. It keeps an SDK client's retry loop from repeating what was already retried here.
type edge struct{ err error }

func (e *edge) Error() string        { return "ecs: " + e.err.Error() }
func (e *edge) Unwrap() error        { return e.err }
func (e *edge) RetryableError() bool { return false }

// configError is a failure that asking again will not change.
type configError struct{ error }

func misconfigured(format string, args ...any) error { return configError{fmt.Errorf(format, args...)} }

func (e configError) Unwrap() error { return e.error }
func (configError) Terminal() bool  { return true }

// hinted is an error and what to do about it.
type hinted struct {
	error
	hint string
}

func (e *hinted) Error() string { return e.error.Error() + ": " + e.hint }
func (e *hinted) Unwrap() error { return e.error }

// explain adds what it means that no answer came. late is the error to report where time ran out.
func (t target) explain(err error, late *timeout.Error) error {
	hint := t.silence(err)
	if late != nil {
		err = late
	}
	if hint == "" {
		return err
	}
	return &hinted{err, hint}
}

// silence says what it means that no answer came.
func (t target) silence(err error) string {
	e, ok := errors.AsType[*linklocal.Error](err)
	if !ok {
		return ""
	}
	switch {
	case e.Kind == linklocal.Forbidden:
		return "nothing was sent there"
	case e.Kind == linklocal.Refused && t.kind() == kindPodIdentity:
		return "the EKS Pod Identity agent does not listen on this node: check that the add-on eks-pod-identity-agent is installed and its pod on this node is running"
	case (e.Kind == linklocal.Silent || e.Kind == linklocal.Stalled) && e.Connected && t.kind() == kindPodIdentity:
		return "the EKS Pod Identity agent takes connections and does not answer: see the log of its pod on this node"
	case (e.Kind == linklocal.Silent || e.Kind == linklocal.NoRoute) && t.kind() == kindPodIdentity:
		return "the EKS Pod Identity agent cannot be reached from this pod: check that its pod runs on this node, and that no network policy drops traffic to " + t.url.Hostname()
	case e.Kind == linklocal.Refused || e.Kind == linklocal.Silent && !e.Connected || e.Kind == linklocal.NoRoute:
		return "nothing answers at the address that " + t.from + " names: is the agent or the sidecar that serves it running?"
	}
	return ""
}

// shown is the URL as it may be shown: its path only where it is an agent's well-known one, without the id of a task. Whoever knows
// that id gets the task's credentials, and so may whoever knows the path of another agent.
func (t target) shown() string {
	path := t.url.Path
	switch {
	case path == "", path == "/", path == "/v1/credentials":
	case strings.HasPrefix(path, "/v2/credentials/"):
		path = "/v2/credentials/..."
	default:
		path = "/..."
	}
	return t.url.Scheme + "://" + t.url.Host + path
}

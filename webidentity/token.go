package webidentity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// rereadAfter is how long a token file that is missing or empty gets to come back. The kubelet swaps a symlink, which leaves no gap,
// but others who write the file do not.
const rereadAfter = 100 * time.Millisecond

// maxSpace is how much white space may stand around a token, in bytes: an editor's newline, not more.
const maxSpace = 1024

// TokenFileError says that there is no usable token in the token file. The cause, mostly an [*fs.PathError], is reachable by errors.As.
type TokenFileError struct {
	Path string
	Cure string // what to do, in one sentence
	err  error
}

func (e *TokenFileError) Error() string {
	return fmt.Sprintf("web identity token file %s: %v: %s", show(e.Path), cause(e.err), e.Cure)
}

func (e *TokenFileError) Unwrap() error { return e.err }

// RetryableError reports false, so that an SDK client's retry loop does not repeat it.
func (e *TokenFileError) RetryableError() bool { return false }

// cause leaves out the path and the name of the system call that an fs.PathError repeats.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

var (
	errEmptyToken  = errors.New("it is empty")
	errTokenIsDir  = errors.New("it is a directory")
	errTokenTooBig = fmt.Errorf("it has more than %d bytes, which is STS's limit for a token", MaxTokenSize)
)

// readToken reads the token as it is now: the kubelet replaces it when four fifths of its life are over. A file that is missing or
// empty is read once more. once reads it.
func readToken(ctx context.Context, path string, once func() (string, error)) (string, error) {
	token, err := once()
	if errors.Is(err, errEmptyToken) || errors.Is(err, fs.ErrNotExist) {
		wait := time.NewTimer(rereadAfter)
		defer wait.Stop()
		select {
		case <-wait.C:
			token, err = once()
		case <-ctx.Done():
		}
	}
	if err != nil {
		return "", &TokenFileError{Path: path, Cure: fileCure(err), err: err}
	}
	return token, nil
}

func readTokenOnce(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		return "", errTokenIsDir
	}
	raw, err := io.ReadAll(io.LimitReader(f, MaxTokenSize+maxSpace+1))
	token := strings.TrimSpace(string(raw))
	switch {
	case err != nil:
		return "", err
	case len(token) > MaxTokenSize || len(raw) > MaxTokenSize+maxSpace:
		return "", errTokenTooBig
	case token == "":
		return "", errEmptyToken
	}
	return token, nil
}

// fileCure says what to do about a token file.
func fileCure(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is the projected volume with the token mounted in this container, and at this path?"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("this process runs as uid %d: for a container that is not root set fsGroup in the pod's securityContext", os.Getuid())
	case errors.Is(err, errTokenIsDir):
		return "name the file in it, mostly \"token\""
	case errors.Is(err, errTokenTooBig):
		return "it is no token; name the right file"
	case errors.Is(err, errEmptyToken):
		return "it was still empty after a second look; is the kubelet, or whoever writes the token, at work?"
	default:
		return "the file could not be read"
	}
}

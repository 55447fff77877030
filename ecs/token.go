package ecs

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

const (
	// maxToken bounds a token file. A projected service account token is under 2 KiB, and servers take headers up to 8 KiB or so.
	maxToken = 64 << 10
	// rereadAfter is how long a file that is missing or empty gets: not every rotation is as atomic as the kubelet's.
	rereadAfter = 100 * time.Millisecond
)

// authorization returns the header's value, "" where none is configured.
func (t target) authorization(ctx context.Context) (string, error) {
	if t.file.value == "" {
		if err := checkToken(t.value.value); err != nil {
			return "", misconfigured("%s %w", t.value.name, err)
		}
		return t.value.value, nil
	}
	token, err := readToken(t.file.value)
	if again := errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmpty); again {
		select {
		case <-time.After(rereadAfter):
			token, err = readToken(t.file.value)
		case <-ctx.Done():
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.file.name, explainFile(t.file.value, err))
	}
	return token, nil
}

var errEmpty = errors.New("is empty: is it being rotated?")

// readToken reads a file as the SDKs do, but for one trailing newline, which they refuse.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a pipe would block, a device never end
		return "", errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	return parseToken(data)
}

func parseToken(data []byte) (string, error) {
	if len(data) > maxToken {
		return "", fmt.Errorf("is larger than %d KiB, which no token is", maxToken>>10)
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if token == "" {
		return "", errEmpty
	}
	return token, checkToken(token)
}

// checkToken refuses what would end the header or start another one.
func checkToken(token string) error {
	for _, r := range token {
		switch {
		case r == '\r' || r == '\n':
			return errors.New("has a line break inside, which no header may carry")
		case r < ' ' || r > '~':
			return errors.New("has a control or non-ASCII character inside, which no header may carry")
		}
	}
	return nil
}

// explainFile says what is wrong with a token file and what to do about it.
func explainFile(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the token's volume is not mounted in this container", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: this process (user id %d) may not read it; for a container that does not run as root set securityContext.fsGroup in the pod", err, os.Getuid())
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return fmt.Errorf("%s %w", path, err)
}

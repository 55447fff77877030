package ststest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// TokenDir keeps a token in a directory the way the kubelet does for a projected volume (AtomicWriter in
// k8s.io/kubernetes/pkg/volume/util): token is a link to ..data/token, ..data a link to a directory named after the time, and a rotation
// makes a new directory and swaps ..data by a rename, so that a reader sees the old token or the new one and never half of one.
//
// On Windows, where links need a privilege, the file is replaced by a rename.
type TokenDir struct {
	server *Server
	dir    string

	mu    sync.Mutex
	token Token
	raw   string
	held  string // the directory behind ..data
	n     int
}

const tokenFile = "token"

// NewTokenDir mints a token and puts it into the directory, which must exist.
func (s *Server) NewTokenDir(dir string, t Token) (*TokenDir, error) {
	d := &TokenDir{server: s, dir: dir, token: t}
	return d, d.Rotate()
}

// Path is that of the token file: AWS_WEB_IDENTITY_TOKEN_FILE.
func (d *TokenDir) Path() string { return filepath.Join(d.dir, tokenFile) }

// Rotate mints the token anew, with the changes, and swaps it in. The changes stay.
func (d *TokenDir) Rotate(changes ...func(*Token)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, change := range changes {
		change(&d.token)
	}
	return d.write(d.server.MintToken(d.token))
}

// Write swaps in what it is given, a token or not.
func (d *TokenDir) Write(raw string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(raw)
}

// Token returns what the file holds.
func (d *TokenDir) Token() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.raw
}

func (d *TokenDir) write(raw string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ststest: token directory: %w", err)
		}
	}()
	d.n++
	if runtime.GOOS == "windows" {
		next := filepath.Join(d.dir, "..next")
		if err := os.WriteFile(next, []byte(raw), 0o600); err != nil {
			return err
		}
		d.raw = raw
		return os.Rename(next, d.Path())
	}
	name := fmt.Sprintf("..%s.%09d", time.Now().UTC().Format("2006_01_02_15_04_05"), d.n)
	if err := os.Mkdir(filepath.Join(d.dir, name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, name, tokenFile), []byte(raw), 0o600); err != nil {
		return err
	}
	data, next := filepath.Join(d.dir, "..data"), filepath.Join(d.dir, "..data_tmp")
	if err := os.Symlink(name, next); err != nil {
		return err
	}
	if err := os.Rename(next, data); err != nil {
		return err
	}
	if d.held == "" {
		if err := os.Symlink(filepath.Join("..data", tokenFile), d.Path()); err != nil {
			return err
		}
	} else if err := os.RemoveAll(filepath.Join(d.dir, d.held)); err != nil {
		return err
	}
	d.held, d.raw = name, raw
	return nil
}

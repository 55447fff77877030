package webidentity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/webidentity"
)

// FuzzTokenFile: the token is the file without the white space around it, or there is an error that does not show it.
func FuzzTokenFile(f *testing.F) {
	f.Add([]byte("a.b.c\n"))
	f.Add([]byte(" \t\r\n"))
	f.Add([]byte(strings.Repeat("x", webidentity.MaxTokenSize+1)))
	f.Add([]byte("\xef\xbb\xbftoken\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		synctest.Test(t, func(t *testing.T) { // the second look waits
			token, err := webidentity.ReadToken(t.Context(), path)
			want := strings.TrimSpace(string(content))
			switch {
			case len(want) > webidentity.MaxTokenSize, len(content) > webidentity.MaxTokenSize+1024:
				assert.ErrorContains(t, err, "more than 20000 bytes")
			case want == "":
				assert.ErrorContains(t, err, "it is empty")
			default:
				assert.NoError(t, err)
			}
			if err != nil {
				var file *webidentity.TokenFileError
				assert.ErrorAs(t, err, &file)
				assert.Empty(t, token)
				return
			}
			assert.Equal(t, want, token)
		})
	})
}

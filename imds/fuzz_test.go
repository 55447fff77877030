package imds_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/imds"
)

var quiet = slog.New(slog.DiscardHandler)

func TestWhatIsReadOfARoleList(t *testing.T) {
	for list, want := range map[string]string{
		"node-role": "node-role", "node-role\n": "node-role", "a\nb\n": "a", "\r\n a \r\nb": "a", "a+=,.@-_9": "a+=,.@-_9", "": "", " \n": "",
		strings.Repeat("a", 128): strings.Repeat("a", 128),
	} {
		role, err := imds.ParseRoles([]byte(list))
		assert.NoError(t, err)
		assert.Equal(t, want, role)
	}
	for _, list := range []string{"a b", "a/b", "../../user-data", "<html>", `{"Code":"x"}`, "a?b", "a%2fb", "é", strings.Repeat("a", 129)} {
		_, err := imds.ParseRoles([]byte(list))
		if assert.Error(t, err, list) {
			assert.NotContains(t, err.Error(), list)
		}
	}
}

func TestWhatIsReadOfASession(t *testing.T) {
	for ttl, want := range map[string]time.Duration{
		"": 6 * time.Hour, "60": time.Minute, "21600": 6 * time.Hour, "99999999999": 6 * time.Hour, "70017000000000": 6 * time.Hour, "-1": 6 * time.Hour, "0": 6 * time.Hour, "x": 6 * time.Hour,
	} {
		token, life, err := imds.ParseSession([]byte("AQAE-x=="), ttl)
		assert.NoError(t, err)
		assert.Equal(t, "AQAE-x==", token)
		assert.Equal(t, want, life, ttl)
	}
}

// FuzzSession: whatever a service says, a token that is taken fits a header, and its life is between nothing and what was asked for.
func FuzzSession(f *testing.F) {
	f.Add([]byte("AQAEAExampleToken=="), "21600")
	f.Add([]byte("<html>"), "")
	f.Add([]byte("a\r\nX: y"), "-5")
	f.Add([]byte("0"), "70017000000000") // overflows as nanoseconds
	f.Fuzz(func(t *testing.T, body []byte, ttl string) {
		token, life, err := imds.ParseSession(body, ttl)
		if err != nil {
			return
		}
		assert.Equal(t, string(body), token)
		assert.False(t, strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }), "%q", token)
		assert.Positive(t, life)
		assert.LessOrEqual(t, life, 6*time.Hour)
	})
}

// FuzzRoles: a role that is taken from a list is a role's name, and so cannot lead to another path.
func FuzzRoles(f *testing.F) {
	f.Add([]byte("node-role\nother"))
	f.Add([]byte("../../user-data"))
	name := regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{0,128}$`)
	f.Fuzz(func(t *testing.T, list []byte) {
		role, err := imds.ParseRoles(list)
		if err == nil {
			assert.Regexp(t, name, role)
		} else {
			assert.Empty(t, role)
		}
	})
}

// FuzzDocument feeds a whole Retrieve with a document that nobody checked: credentials or an error in time, and nothing of the document in the error.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(document()))
	f.Add([]byte("null"))
	f.Add([]byte(`{"Code":"Failed"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.service.Fail(-1, body(extendedPath, string(data)))
			creds, err := w.provider().Retrieve(t.Context())
			if err == nil {
				assert.True(t, creds.HasKeys())
				assert.True(t, creds.CanExpire)
				assert.False(t, creds.Expires.IsZero())
				return
			}
			assert.Less(t, len(err.Error()), 600)
		})
	})
}

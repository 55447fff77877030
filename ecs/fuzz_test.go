package ecs_test

import (
	"encoding/base64"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/ecs"
	"example.com/podrole/internal/redact"
)

var quiet = slog.New(slog.DiscardHandler)

func TestWhatIsReadOfARefusal(t *testing.T) {
	for body, want := range map[string][2]string{
		"[req-3]: (InvalidTokenException): s3cret, fault: client\n": {"InvalidTokenException", "req-3"},
		"(ThrottlingException): s3cret, fault: client":              {"ThrottlingException", ""},
		`{"code":"InvalidIdInRequest","message":"s3cret"}`:          {"InvalidIdInRequest", ""},
		`{"Code":"InternalServerError"}`:                            {"InternalServerError", ""},
		"[req 3]: (InvalidTokenException): x":                       {},
		"[s3cret!]: (InvalidTokenException): x":                     {},
		"[req-3]: (s3cret 1): x":                                    {},
		"x [req-3]: (InvalidTokenException): x":                     {},
		"[req-3]: (" + strings.Repeat("s", 65) + "): x":             {},
		`{"code":5}`:             {},
		`{"code":"s3cret 1"}`:    {},
		`"code"`:                 {},
		"<html>":                 {},
		"":                       {},
		"null":                   {},
		"Unauthorized Exception": {},
	} {
		code, id := ecs.ParseRefusal([]byte(body), "")
		assert.Equal(t, want, [2]string{code, id}, body)
	}
}

func TestWhatIsReadOfAToken(t *testing.T) {
	jwt := func(payload string) string {
		return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
	}
	for token, want := range map[string]string{
		jwt(`{"sub":"system:serviceaccount:a:b","aud":["pods.eks.amazonaws.com"],"exp":9999999999}`): "",
		jwt(`{"sub":"s","aud":"pods.eks.amazonaws.com"}`):                                            "",
		jwt(`{"aud":["sts.amazonaws.com","x"]}`):                                                     `: its audience is "sts.amazonaws.com, x", not pods.eks.amazonaws.com`,
		jwt(`{"aud":[5]}`):                                                                           `: its audience is "", not pods.eks.amazonaws.com`,
		jwt(`{"aud":["a","b","c"]}`):                                                                 `: its audience is "a, b, c", not pods.eks.amazonaws.com`,
		jwt(`{"aud":["a"` + strings.Repeat(`,"b"`, 1499) + `]}`):                                     `: its audience is "a, b, b" and 1497 more, not pods.eks.amazonaws.com`,
		jwt(`{"aud":["x ` + jwt(`{}`) + `"]}`):                                                       `: its audience is "x (a token, not shown)", not pods.eks.amazonaws.com`,
		jwt(`{}`):                                                                                    `: its audience is "", not pods.eks.amazonaws.com`,
		jwt(`{"aud":"x\u0000\n` + strings.Repeat("y", 300) + `"}`):                                   `: its audience is "x??` + strings.Repeat("y", 253) + `...", not pods.eks.amazonaws.com`,
		jwt(`[]`): ": it is not a JWT",
		"a.!.c":   ": it is not a JWT",
		"a.b":     ": it is not a JWT",
		"":        ": there is none",
		"Bearer " + jwt(`{"aud":"pods.eks.amazonaws.com"}`): `: it begins with "Bearer ", and the agent wants the bare token`,
	} {
		assert.Equal(t, want, ecs.Oddities(token), token)
	}
	assert.Contains(t, ecs.Oddities(jwt(`{"aud":"pods.eks.amazonaws.com","exp":946684800.5}`)), "it has expired (at 2000-01-01T00:00:00Z, ")
	assert.NotContains(t, ecs.Oddities(jwt(`{"aud":"pods.eks.amazonaws.com","exp":1e300}`)), "expired")
}

// FuzzRefusal: of a foreign body nothing is kept but words and request ids, and of them none that tells the token.
func FuzzRefusal(f *testing.F) {
	f.Add([]byte("[req-3]: (InvalidTokenException): x, fault: client"), "InvalidTokenException")
	f.Add([]byte(`{"code":"InvalidIdInRequest","message":"x","HTTPErrorCode":400}`), "in-the-request")
	f.Add([]byte("<html>"), "")
	word, id := regexp.MustCompile(`^[A-Za-z]{0,64}$`), regexp.MustCompile(`^[A-Za-z0-9-]{0,64}$`)
	f.Fuzz(func(t *testing.T, body []byte, token string) {
		code, requestID := ecs.ParseRefusal(body, token)
		assert.Regexp(t, word, code)
		assert.Regexp(t, id, requestID)
		if len(token) >= 4 {
			assert.NotContains(t, code+" "+requestID, token)
		}
	})
}

// FuzzToken: a token that is accepted from a file fits one line of a header, and what is shown of any token fits one line of a log.
func FuzzToken(f *testing.F) {
	f.Add([]byte("e30.eyJhdWQiOlsiYSJdfQ.x\n"))
	f.Add([]byte("a\r\nX: y"))
	f.Add([]byte("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":["`+strings.Repeat(`a","`, 1500)+`b"]}`)) + ".x"))
	f.Add([]byte("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"eyJhbGciOiJub25lIn0.e30.x","aud":"eyJhbGciOiJub25lIn0.e30.x"}`)) + ".x"))
	f.Add([]byte("Bearer e30.eyJzdWIiOiJzIiwiYXVkIjoiYSIsImV4cCI6MX0.x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := ecs.ParseToken(data)
		if err == nil {
			assert.NotEmpty(t, token)
			assert.False(t, strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }), "%q", token)
		} else {
			assert.Less(t, len(err.Error()), 200)
		}
		text := ecs.AllOf(string(data))
		assert.False(t, strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }))
		assert.LessOrEqual(t, len(text), 4096) // two lists of three claims of 256 characters, all of them escaped
		assert.Equal(t, redact.Tokens(text), text)
	})
}

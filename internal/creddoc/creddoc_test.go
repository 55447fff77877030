package creddoc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/creddoc"
)

const instance = `{
  "Code" : "Success", "LastUpdated" : "2026-11-24T10:00:00Z", "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAEXAMPLE", "SecretAccessKey" : "secret", "Token" : "token",
  "Expiration" : "2026-11-24T16:00:00Z", "AccountId" : "111122223333"
}`

func TestADocumentIsRead(t *testing.T) {
	doc, err := creddoc.Parse([]byte(instance))
	require.NoError(t, err)
	assert.Equal(t, creddoc.Document{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token", AccountID: "111122223333",
		Expires: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC),
	}, doc)
}

func TestWhatADocumentNeedNotHave(t *testing.T) {
	for name, text := range map[string]string{
		"no Code, no expiry, no token: long-lived keys": `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret"}`,
		"an empty expiry":                   `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","Expiration":""}`,
		"a null expiry":                     `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","Expiration":null}`,
		"fields that nobody knows":          `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","X":[{"y":1}]}`,
		"Code in other letters":             `{"Code":"success","AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret"}`,
		"white space around":                "\n\t {\"AccessKeyId\":\"AKIAEXAMPLE\",\"SecretAccessKey\":\"secret\"} \r\n",
		"an account that is none, left out": `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","AccountId":"prod"}`,
		"a role ARN that is none, left out": `{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","RoleArn":"arn:aws:iam::1:role/x\nevil"}`,
	} {
		doc, err := creddoc.Parse([]byte(text))
		require.NoError(t, err, name)
		assert.Equal(t, creddoc.Document{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, doc, name)
	}
}

func TestTheRoleAndTheDateInTheirForms(t *testing.T) {
	for _, arn := range []string{"arn:aws:iam::111122223333:role/app", "arn:aws-cn:iam::111122223333:role/team/app", "arn:aws:sts::111122223333:assumed-role/app/x@y"} {
		doc, err := creddoc.Parse([]byte(`{"AccessKeyId":"A","SecretAccessKey":"s","RoleArn":"` + arn + `"}`))
		require.NoError(t, err)
		assert.Equal(t, arn, doc.RoleARN)
	}
	for text, want := range map[string]string{
		"2026-11-24T16:00:00Z": "2026-11-24T16:00:00Z", "2026-11-24T16:00:00.123456789Z": "2026-11-24T16:00:00.123456789Z", "2026-11-24T17:00:00+01:00": "2026-11-24T16:00:00Z",
		"0001-01-01T00:00:00Z": "", "1969-12-31T23:59:59Z": "", "2026-11-24": "", "1764000000": "", "Tue, 24 Nov 2026 16:00:00 GMT": "", "2026-13-24T16:00:00Z": "",
	} {
		doc, err := creddoc.Parse([]byte(`{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"` + text + `"}`))
		if want == "" {
			assert.ErrorContains(t, err, "Expiration is not a date", text)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, doc.Expires.Format(time.RFC3339Nano))
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for text, want := range map[string]string{
		"": "empty", " \n": "empty", "null": "null", "true": "not an object", `"s3cret"`: "not an object", "[]": "not an object", "12": "not an object",
		"<html>s3cret": "HTML", "<?xml s3cret": "HTML or XML", "s3cret": "not JSON", "{": "cut off", instance[:120]: "cut off", instance + "s3cret": "not JSON",
		`{}`: "no AccessKeyId", `{"AccessKeyId":""}`: "no AccessKeyId",
		`{"AccessKeyId":"s3cret"}`:                                         "no SecretAccessKey",
		`{"SecretAccessKey":"s3cret"}`:                                     "no AccessKeyId",
		`{"AccessKeyId":"ASIAs3cret","SecretAccessKey":"s3cret"}`:          "no Token",
		`{"AccessKeyId":5}`:                                                "AccessKeyId is not a string",
		`{"Token":{"s3cret":1}}`:                                           "Token is not a string",
		`{"AccessKeyId":"s3cret\r\nX: y","SecretAccessKey":"s"}`:           "AccessKeyId holds",
		`{"AccessKeyId":"A","SecretAccessKey":"s3cret "}`:                  "SecretAccessKey holds",
		`{"AccessKeyId":"A","SecretAccessKey":"s3cret\u0000"}`:             "SecretAccessKey holds",
		`{"AccessKeyId":"A","SecretAccessKey":"s","Token":"s3cret\u00e9"}`: "Token holds",
		`{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"s3cret"}`:  "Expiration is not a date",
		`{"Code":"Failed","Message":"s3cret","AccessKeyId":"A"}`:           "Failed instead of Success",
		`{"Code":"s3cret 1"}`:                                              "not a word",
		`{"Code":"` + strings.Repeat("s", 65) + `"}`:                       "not a word",
		strings.Repeat(`{"a":`, 20000):                                     "cut off",
	} {
		_, err := creddoc.Parse([]byte(text))
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want, text)
			assert.NotContains(t, err.Error(), "s3cret")
		}
	}
}

// FuzzParse: no input makes it panic; what it accepts has keys that fit a header; what it refuses is not shown.
func FuzzParse(f *testing.F) {
	f.Add([]byte(instance))
	f.Add([]byte(`{"Code":"AssumeRoleUnauthorizedAccess"}`))
	f.Add([]byte(`{"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secret","RoleArn":"arn:aws:iam::111122223333:role/a"}`))
	f.Add([]byte("null"))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := creddoc.Parse(data)
		if err != nil {
			assert.Less(t, len(err.Error()), 200)
			assert.Equal(t, creddoc.Document{}, doc)
			return
		}
		assert.NotEmpty(t, doc.AccessKeyID)
		assert.NotEmpty(t, doc.SecretAccessKey)
		for _, value := range []string{doc.AccessKeyID, doc.SecretAccessKey, doc.SessionToken, doc.AccountID, doc.RoleARN} {
			assert.False(t, strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }), "%q", value)
		}
		assert.True(t, doc.AccountID == "" || len(doc.AccountID) == 12)
		assert.True(t, doc.Expires.IsZero() || doc.Expires.Year() >= 1970)
	})
}

func FuzzWord(f *testing.F) {
	f.Add("AccessDenied")
	f.Add("a b")
	f.Fuzz(func(t *testing.T, s string) {
		if w := creddoc.Word(s); w != "" {
			assert.Equal(t, s, w)
			assert.LessOrEqual(t, len(w), 64)
			assert.False(t, strings.ContainsFunc(w, func(r rune) bool { return (r|32) < 'a' || (r|32) > 'z' }), w)
		}
	})
}

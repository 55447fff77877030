package webidentity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/timeout"
	"example.com/podrole/webidentity"
	"example.com/podrole/webidentity/ststest"
)

// reachable collects every string and byte slice that can be reached from a value, whatever the fields are called.
func reachable(v reflect.Value, seen map[uintptr]bool, found *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			reachable(v.Elem(), seen, found)
		}
	case reflect.Interface:
		reachable(v.Elem(), seen, found)
	case reflect.Struct:
		for _, field := range v.Fields() {
			reachable(field, seen, found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			reachable(key, seen, found)
			reachable(v.MapIndex(key), seen, found)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			*found = append(*found, string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			reachable(v.Index(i), seen, found)
		}
	case reflect.String:
		*found = append(*found, v.String())
	}
}

// An error is kept, in a status or a log, long after its exchange. It holds neither the token nor half an answer's secrets, in no
// field of its own or of the AWS SDK's errors below it.
func TestErrorsHoldNoSecretAnywhereInside(t *testing.T) {
	const secret = "hunter2-secret"
	good := answerXML("arn:aws:sts::111122223333:assumed-role/r/s", "ASIAEXAMPLE", secret, secret, "2100-01-01T00:00:00Z")
	for name, change := range map[string]func(*world){
		"refusal":        func(w *world) { w.sts.DeleteRole(role) },
		"terminal retry": func(w *world) { w.sts.Break(ststest.Fault{Code: "InvalidIdentityToken"}) },
		"failure":        func(w *world) { w.sts.Break(ststest.InternalFailure) },
		"page":           func(w *world) { w.sts.Break(ststest.ProxyPage) },
		"half an answer": func(w *world) { w.sts.Break(ststest.Fault{Body: good[:strings.Index(good, "</SessionToken>")]}) },
		"no key id":      func(w *world) { w.sts.Break(ststest.Fault{Body: strings.Replace(good, "ASIAEXAMPLE", "", 1)}) },
		"broken": func(w *world) {
			w.sts.Break(ststest.Fault{Body: good, Header: http.Header{"Content-Length": {"5000"}}})
		},
		"reset":    func(w *world) { w.sts.Break(ststest.Reset) },
		"no route": func(w *world) { w.net.NoRoute(stsHost + ":443") },
		"TLS":      func(w *world) { w.env["AWS_CA_BUNDLE"] = newAuthority(w.t).file },
		"redirect": func(w *world) {
			w.sts.Break(ststest.Fault{Status: 308, Header: http.Header{"Location": {"https://sts.example/"}}})
		},
		"hang":            func(w *world) { w.sts.Break(ststest.Hang) },
		"token in answer": func(w *world) { w.sts.Break(ststest.Fault{Status: 400, Body: errorXML(w.tokens.Token(), "x")}) },
		"token in the message of a refusal": func(w *world) {
			w.sts.Break(ststest.Fault{Status: 400, Body: errorXML("InvalidIdentityToken", "bad token "+w.tokens.Token())})
		},
		"token in a header": func(w *world) {
			w.sts.Break(ststest.Fault{Status: 403, Body: errorXML("AccessDenied", "x"), Header: http.Header{"X-Debug": {"got " + w.tokens.Token()}}})
		},
		"token in a redirect": func(w *world) {
			w.sts.Break(ststest.Fault{Status: 302, Header: http.Header{"Location": {"https://sts.example/?t=" + w.tokens.Token()}}})
		},
		"token in the message of a failure": func(w *world) { w.sts.Break(ststest.Fault{Status: 503, Body: errorXML("Busy", w.tokens.Token())}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				change(w)
				err := w.fail()
				token := w.tokens.Token()
				signature := token[strings.LastIndexByte(token, '.')+1:]

				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
					for _, v := range []any{err, reflect.ValueOf(err).Elem().Interface()} {
						text := fmt.Sprintf(verb, v)
						assert.NotContains(t, text, signature)
						assert.NotContains(t, text, secret)
					}
				}
				var texts []string
				reachable(reflect.ValueOf(&err), map[uintptr]bool{}, &texts)
				require.NotEmpty(t, texts)
				for _, text := range texts {
					assert.NotContains(t, text, signature)
					assert.NotContains(t, text, secret)
				}
				assert.NotContains(t, w.log.String(), signature)
				assert.NotContains(t, w.log.String(), secret)
			})
		})
	}
}

// A server that sends pieces of the token back, in the places of a code and a request id, gets none of them into a text.
func TestPiecesOfTheTokenAreNotTakenForACodeOrARequestID(t *testing.T) {
	for name, echo := range map[string]func(token string) string{
		"header":               func(token string) string { return strings.Split(token, ".")[0] },
		"claims, 64 of them":   func(token string) string { return strings.Split(token, ".")[1][:64] },
		"signature":            func(token string) string { return strings.Split(token, ".")[2] },
		"signature, half":      func(token string) string { return strings.Split(token, ".")[2][20:60] },
		"signature, in a code": func(token string) string { return "Bad-" + strings.Split(token, ".")[2][:40] + "-Token" },
		"signature, in an id":  func(token string) string { return "id=" + strings.Split(token, ".")[2][:30] },
		"twelve characters":    func(token string) string { return strings.Split(token, ".")[2][30:42] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				piece := echo(w.tokens.Token())
				for _, fault := range []ststest.Fault{
					{Status: 400, Body: errorXML(piece, "x")},
					{Status: 503, Body: errorXML(piece, "x")},
					{Status: 400, Body: strings.Replace(errorXML("AccessDenied", "x"), requestID, piece, 1), Header: http.Header{"X-Amzn-Requestid": {piece}}},
				} {
					w.sts.Break(fault)
					err := w.fail()
					for _, verb := range []string{"%v", "%+v"} {
						assert.NotContains(t, fmt.Sprintf(verb, err), piece)
					}
					if fault.Status == 503 { // is asked again, and the time-out says what was before
						var late *timeout.Error
						require.ErrorAs(t, w.fail(func(o *webidentity.Options) { o.Timeout = time.Millisecond }), &late)
						assert.NotContains(t, late.Error(), piece)
					}
					assert.NotContains(t, w.log.String(), piece)
				}
			})
		})
	}
}

// A token of another provider may be short.
func TestAShortTokenIsNotTakenForACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.tokens.Write("hunter2abc"))
		w.sts.Break(ststest.Fault{Status: 400, Body: errorXML("hunter2abc", "x")})
		assert.NotContains(t, w.fail().Error(), "hunter2")
	})
}

// What has not the form of a code or a request id is not shown as one.
func TestCodesAndRequestIDsHaveTheirForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		long := strings.Repeat("A", 65)
		for code, shown := range map[string]bool{long[1:]: true, long: false, "a.b": false, "Bad Code": false, "Bad-Code_1": true} {
			w.sts.Break(ststest.Fault{Status: 400, Body: errorXML(code, "x")})
			_, denied := errors.AsType[*webidentity.DeniedError](w.fail())
			assert.Equal(t, shown, denied, code)
		}
		for id, shown := range map[string]bool{strings.Repeat("r", 128): true, strings.Repeat("r", 129): false, "a/b+c=:.": true, "two words": false, "a\nb": false} {
			w.sts.Break(ststest.Fault{Status: 400, Body: strings.Replace(errorXML("AccessDenied", "x"), requestID, id, 1)})
			denied, ok := errors.AsType[*webidentity.DeniedError](w.fail())
			require.True(t, ok)
			assert.Equal(t, shown, denied.RequestID != "", id)
		}
	})
}

// A client that is given may answer with an error of its own, the same one again and again.
func TestAGivenClientsOwnErrorIsNotChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		body := io.NopCloser(strings.NewReader("x"))
		mine := &awshttp.ResponseError{RequestID: "r", ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400, Body: body}}, Err: errors.New("x"),
		}}
		err := w.fail(func(o *webidentity.Options) {
			o.Client = clientFunc(func(context.Context, *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
				return nil, mine
			})
		})
		var got *awshttp.ResponseError
		require.ErrorAs(t, err, &got)
		assert.Same(t, mine, got)
		assert.Equal(t, body, got.Response.Body)
	})
}

// A session token is no less a secret.
func TestPiecesOfTheSessionTokenAreNotTakenForACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		creds, err := w.provider().Retrieve(t.Context())
		require.NoError(t, err)
		w.sts.Break(ststest.Fault{Status: 403, Body: errorXML(creds.SessionToken, "x")})
		_, err = webidentity.CallerIdentity(t.Context(), creds, w.options)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), creds.SessionToken)
	})
}

// A client that is given may log what it sends and gets. Not the token, and not the credentials.
func TestGivenClientsLogDoesNotGetTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		t.Cleanup(w.net.Serve("127.0.0.1:9000", w.sts))
		var log strings.Builder
		client := sts.New(sts.Options{
			Region: "us-east-1", BaseEndpoint: new("http://127.0.0.1:9000"), HTTPClient: w.plainClient(),
			ClientLogMode: aws.LogRequestWithBody | aws.LogResponseWithBody,
			Logger:        logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) { fmt.Fprintf(&log, format, v...) }),
		})
		creds, err := w.provider(func(o *webidentity.Options) { o.Client = client }).Retrieve(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, log.String(), w.tokens.Token())
		assert.NotContains(t, log.String(), creds.SecretAccessKey)
	})
}

// The walk above finds what is there to be found.
func TestReachableFindsHiddenStrings(t *testing.T) {
	type hidden struct{ inner any }
	var texts []string
	reachable(reflect.ValueOf(&hidden{map[string]any{"k": &hidden{[]any{[]byte("deep")}}}}), map[uintptr]bool{}, &texts)
	assert.Equal(t, []string{"k", "deep"}, texts)

	var claims []string
	reachable(reflect.ValueOf(webidentity.Claims{Subject: "s"}), map[uintptr]bool{}, &claims)
	assert.Contains(t, claims, "s")
}

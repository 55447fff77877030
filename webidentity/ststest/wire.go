package ststest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	namespace   = "https://sts.amazonaws.com/doc/2011-06-15/"
	maxForm     = 64 << 10
	timeLayout  = "2006-01-02T15:04:05Z"
	contentType = "text/xml"
)

// answer is what goes back: an XML document and its status.
type answer struct {
	status int
	body   any
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type errorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Error     struct {
		Type, Code, Message string
	}
	RequestID string `xml:"RequestId"`
}

type assumeRoleResponse struct {
	XMLName   xml.Name `xml:"AssumeRoleWithWebIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Result    struct {
		Audience        string
		AssumedRoleUser struct {
			AssumedRoleID string `xml:"AssumedRoleId"`
			Arn           string
		}
		Provider    string
		Credentials struct {
			SessionToken    string
			SecretAccessKey string
			Expiration      string
			AccessKeyID     string `xml:"AccessKeyId"`
		}
		SubjectFromWebIdentityToken string
	} `xml:"AssumeRoleWithWebIdentityResult"`
	Metadata metadata `xml:"ResponseMetadata"`
}

type callerIdentityResponse struct {
	XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Result    struct {
		Arn     string
		UserID  string `xml:"UserId"`
		Account string
	} `xml:"GetCallerIdentityResult"`
	Metadata metadata `xml:"ResponseMetadata"`
}

// refuse is an answer with one of STS's error codes.
func refuse(status int, code, format string, args ...any) *answer {
	e := errorResponse{Namespace: namespace, RequestID: uid()}
	e.Error.Type, e.Error.Code, e.Error.Message = "Sender", code, fmt.Sprintf(format, args...)
	if status >= 500 {
		e.Error.Type = "Receiver"
	}
	return &answer{status, e}
}

func (a *answer) write(w http.ResponseWriter, now time.Time) {
	body, err := xml.Marshal(a.body)
	if err != nil {
		panic(err) // the documents above can be marshalled
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

// parseForm reads a request of the AWS query protocol.
func parseForm(w http.ResponseWriter, r *http.Request) (url.Values, *answer) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return url.Values{}, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request body could not be read")
	}
	return r.Form, nil
}

// uid has the form of the request ids and Kubernetes uids, a UUID.
func uid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

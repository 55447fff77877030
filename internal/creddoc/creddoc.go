// Package creddoc decodes the JSON document in which the EC2 metadata service and the container agents hand out credentials.
//
// Its errors name fields and say what is wrong with them. They never hold any byte of the document.
package creddoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Document is a document that holds usable credentials: at least an access key id and its secret.
type Document struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	AccountID       string    // 12 digits; "" where the document does not say
	RoleARN         string    // of the role; only the ECS agent says
	Expires         time.Time // zero where the document does not say
}

// CodeError is a document of the EC2 metadata service whose Code is not "Success": it has no credentials, and says why.
type CodeError struct {
	Code string // letters only; "" where it was anything else
}

func (e *CodeError) Error() string {
	if e.Code == "" {
		return "the document says that it holds no credentials, with a Code that is not a word"
	}
	return "the document says " + e.Code + " instead of Success"
}

// Parse decodes and checks a document.
func Parse(data []byte) (Document, error) {
	data = bytes.TrimSpace(data)
	if err := form(data); err != nil {
		return Document{}, err
	}
	var wire struct {
		Code, AccessKeyId, SecretAccessKey, Token, Expiration, AccountId, RoleArn string
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return Document{}, fmt.Errorf("its field %s is not a string", wrong.Field)
		}
		return Document{}, errors.New("it is not JSON, or was cut off") // the decoder's own text quotes the document
	}
	if wire.Code != "" && !strings.EqualFold(wire.Code, "Success") {
		return Document{}, &CodeError{Word(wire.Code)}
	}
	for _, field := range [...]struct{ name, value string }{
		{"AccessKeyId", wire.AccessKeyId}, {"SecretAccessKey", wire.SecretAccessKey}, {"Token", wire.Token},
	} {
		if strings.ContainsFunc(field.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Document{}, fmt.Errorf("its field %s holds white space, or characters that no AWS key has", field.name)
		}
	}
	switch {
	case wire.AccessKeyId == "":
		return Document{}, missing("AccessKeyId")
	case wire.SecretAccessKey == "":
		return Document{}, missing("SecretAccessKey")
	case wire.Token == "" && strings.HasPrefix(wire.AccessKeyId, "ASIA"):
		// The prefix of temporary keys, which are of no use without their token (IAM user guide, "Unique identifiers").
		return Document{}, missing("Token")
	}
	doc := Document{AccessKeyID: wire.AccessKeyId, SecretAccessKey: wire.SecretAccessKey, SessionToken: wire.Token}
	if accountID.MatchString(wire.AccountId) {
		doc.AccountID = wire.AccountId
	}
	if roleARN.MatchString(wire.RoleArn) {
		doc.RoleARN = wire.RoleArn
	}
	if wire.Expiration != "" {
		expires, err := time.Parse(time.RFC3339, wire.Expiration)
		if err != nil || expires.Year() < 1970 {
			return Document{}, errors.New("its field Expiration is not a date in the form of RFC 3339")
		}
		doc.Expires = expires.UTC()
	}
	return doc, nil
}

// What is only shown and compared is dropped where it has not got its form, rather than making good keys unusable.
var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@/-]{1,640}$`)
)

func missing(field string) error { return fmt.Errorf("it has no %s", field) }

// form tells the usual things that are not a document apart.
func form(data []byte) error {
	switch {
	case len(data) == 0:
		return errors.New("it is empty")
	case data[0] == '{':
		return nil
	case data[0] == '<':
		return errors.New("it is HTML or XML, not JSON: something else answers at this address")
	case bytes.Equal(data, []byte("null")):
		return errors.New("it is null")
	case json.Valid(data):
		return errors.New("it is JSON, but not an object")
	}
	return errors.New("it is not JSON")
}

var word = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// Word returns s if it is 1 to 64 ASCII letters, as every error code of AWS is, else "". Nothing else of a foreign text is fit to be shown.
func Word(s string) string {
	if word.MatchString(s) {
		return s
	}
	return ""
}

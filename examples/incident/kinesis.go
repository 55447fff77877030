package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"example.com/podrole/webidentity/ststest"
)

const (
	streamName = "gryphon-events"
	streamARN  = "arn:aws:kinesis:" + region + ":" + account + ":stream/" + streamName
)

// fakeKinesis answers DescribeStream by the identity behind the access key that signed the request, as Kinesis does: only the
// gryphon-dispatcher role may describe the stream.
type fakeKinesis struct {
	identity func(accessKeyID string) (arn string, ok bool)
}

func (k fakeKinesis) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	arn, ok := k.identity(ststest.AccessKeyID(r))
	switch {
	case r.Header.Get("X-Amz-Target") != "Kinesis_20131202.DescribeStream":
		refuse(w, "UnknownOperationException", "")
	case !ok:
		refuse(w, "UnrecognizedClientException", "The security token included in the request is invalid.")
	case !strings.Contains(arn, ":assumed-role/"+roleName+"/"):
		refuse(w, "AccessDeniedException", fmt.Sprintf("User: %s is not authorized to perform: kinesis:DescribeStream on resource: %s because no identity-based policy allows the kinesis:DescribeStream action", arn, streamARN))
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"StreamDescription": map[string]any{"StreamName": streamName, "StreamARN": streamARN, "StreamStatus": "ACTIVE"}})
	}
}

func refuse(w http.ResponseWriter, kind, message string) {
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": message})
}

// describeStream calls Kinesis as a service does that has no SDK client for it: it signs the request with whatever credentials the
// provider gives. The answer is the stream's status, or the text that a service's log would show.
func describeStream(ctx context.Context, endpoint string, provider aws.CredentialsProvider) (string, error) {
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	body := []byte(`{"StreamName":"` + streamName + `"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "kinesis", region, time.Now()); err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var decoded struct {
		Type              string `json:"__type"`
		Message           string `json:"message"`
		StreamDescription struct{ StreamStatus string }
	}
	if err := json.Unmarshal(answer, &decoded); err != nil {
		return "", fmt.Errorf("kinesis answered %s: %w", resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", decoded.Type, decoded.Message)
	}
	return "stream " + streamName + " is " + decoded.StreamDescription.StreamStatus, nil
}

package ecs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"example.com/podrole/internal/creddoc"
	"example.com/podrole/internal/linklocal"
	"example.com/podrole/internal/redact"
)

// ResponseError is the agent's refusal: an answer with a status other than 200.
type ResponseError struct {
	URL        string // without query, and without what may be secret of its path
	StatusCode int
	Code       string // the agent's error code, such as ResourceNotFoundException; "" where the answer had none
	RequestID  string // of the agent's own request to AWS; "" where the answer had none

	cure     string
	terminal bool
}

func (e *ResponseError) Error() string {
	text := fmt.Sprintf("GET %s: status %d", e.URL, e.StatusCode)
	switch {
	case e.Code != "" && e.RequestID != "":
		text += fmt.Sprintf(" (%s, request %s)", e.Code, e.RequestID)
	case e.Code != "":
		text += " (" + e.Code + ")"
	}
	if e.cure != "" {
		text += ": " + e.cure
	}
	return text
}

// Terminal reports whether asking again will not change the answer.
func (e *ResponseError) Terminal() bool { return e.terminal }

func (t target) refusal(a *linklocal.Answer, token string) *ResponseError {
	e := &ResponseError{URL: t.shown(), StatusCode: a.Status}
	e.Code, e.RequestID = parseRefusal(a.Body, token)
	e.cure, e.terminal = t.cure(e, token)
	return e
}

// The EKS agent's errors are text: "[request id]: (ResourceNotFoundException): ..., fault: client".
var eksText = regexp.MustCompile(`^(?:\[([A-Za-z0-9-]{1,64})\]: )?\(([A-Za-z]{1,64})\): `)

// parseRefusal returns an error body's code and request id, and nothing else of it, nor them where they echo the token that was
// sent. The ECS agent's bodies are JSON.
func parseRefusal(body []byte, token string) (code, requestID string) {
	body = bytes.TrimSpace(body)
	var wire struct{ Code string }
	if m := eksText.FindSubmatch(body); m != nil {
		code, requestID = string(m[2]), string(m[1])
	} else if len(body) > 0 && body[0] == '{' && json.Unmarshal(body, &wire) == nil {
		code = creddoc.Word(wire.Code)
	}
	if redact.Echoes(code, token) {
		code = ""
	}
	if redact.Echoes(requestID, token) {
		requestID = ""
	}
	return code, requestID
}

// cure says what a refusal means and what to do, from the codes of EKS Auth's AssumeRoleForPodIdentity (API reference) and of the
// ECS agent (ecs-agent/tmds/handlers/v1), and from the token's own claims.
func (t target) cure(e *ResponseError, token string) (text string, terminal bool) {
	pod := t.kind() == kindPodIdentity
	switch e.Code {
	case "ResourceNotFoundException":
		return "no Pod Identity association is found for this pod's service account" + subjectOf(token) + ": create it (aws eks create-pod-identity-association), or, if it is new, wait until it has spread", true
	case "AccessDeniedException":
		return "EKS may not hand out the associated role: its trust policy must allow pods.eks.amazonaws.com the actions sts:AssumeRole and sts:TagSession, and the node's role eks-auth:AssumeRoleForPodIdentity", true
	case "InvalidTokenException":
		return "EKS does not accept the service account token" + audienceOf(token) + ": it must be one that this cluster issued for the audience " + podAudience, true
	case "ExpiredTokenException":
		return "the service account token has expired" + expiryOf(token) + ": the kubelet rotates the projected file, so check that the file is not a copy of it", false
	case "ThrottlingException", "TooManyRequestsException":
		return "the agent or EKS is throttling", false
	case "InvalidIdInRequest", "NoIdInRequest", "NoCredentialsAssociated":
		return "the ECS agent knows no credentials for the id in " + t.from + ": the task may be stopping, or the variable comes from another task", false
	case "CredentialsUninitialized":
		return "the ECS agent has not got the task's credentials yet", false
	case "InternalServerException", "ServiceUnavailableException":
		return "EKS has trouble at the moment: if it lasts, see the log of the EKS Pod Identity agent's pod on this node", false
	case "InvalidParameterException", "InvalidRequestException":
		return "EKS does not understand the agent's request, of which the token is the pod's part" + oddities(token) + ": see the log of the EKS Pod Identity agent's pod on this node", false
	case "InternalServerError":
		return "the ECS agent has trouble at the moment: if it lasts, see its log on the container instance", false
	case "":
	default:
		return "the agent's log has the whole message", false
	}
	switch {
	case e.StatusCode == 400 && pod && token == "":
		return "the EKS Pod Identity agent wants a service account token, and neither " + tokenFileVar + " nor " + tokenVar + " is set", false
	case e.StatusCode == 400 && pod:
		return "the EKS Pod Identity agent cannot read the token as a service account token" + oddities(token), false
	case (e.StatusCode == 401 || e.StatusCode == 403) && pod:
		return "the EKS Pod Identity agent refuses the request: it answers only to its own address, and only with a token for the audience " + podAudience + oddities(token), false
	case e.StatusCode == 401 || e.StatusCode == 403:
		return "the authorization token is missing or wrong: see " + tokenFileVar + " and " + tokenVar, false
	case e.StatusCode == 404:
		return "nothing is served at this path: see " + t.from, false
	case e.StatusCode == 429:
		return "the agent is throttling", false
	case e.StatusCode >= 500 && pod:
		return "the EKS Pod Identity agent cannot reach EKS at the moment", false
	case e.StatusCode >= 500:
		return "the agent is not ready, or cannot reach AWS at the moment", false
	}
	return "", false
}

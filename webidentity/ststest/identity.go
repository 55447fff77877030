package ststest

import (
	"net/http"
	"strings"
	"time"
)

// AccessKeyID returns the access key id out of a request signed with Signature Version 4, "" if it is not signed. A fake AWS service
// that answers by identity gives it to [Server.Identity].
func AccessKeyID(r *http.Request) string {
	credential, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return ""
	}
	for part := range strings.SplitSeq(credential, ",") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential="); ok {
			id, _, _ := strings.Cut(value, "/")
			return id
		}
	}
	return ""
}

// callerIdentity goes by the access key id and the session token that goes with it.
func (s *Server) callerIdentity(r *http.Request, now time.Time) *answer {
	id := AccessKeyID(r)
	if id == "" {
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	s.mu.Lock()
	found, ok := s.sessions[id]
	s.mu.Unlock()
	switch {
	case !ok, found.token != "" && found.token != r.Header.Get("X-Amz-Security-Token"):
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case !found.expires.IsZero() && !now.Before(found.expires):
		return refuse(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	a := callerIdentityResponse{Namespace: namespace, Metadata: metadata{uid()}}
	a.Result.Arn, a.Result.UserID = found.arn, found.userID
	if parts := strings.Split(found.arn, ":"); len(parts) > 4 {
		a.Result.Account = parts[4]
	}
	return &answer{http.StatusOK, a}
}

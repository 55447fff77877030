package ststest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/podrole/webidentity/trustpolicy"
)

// STS's words for what it refuses, as its API Reference and its answers have them.
const (
	notAuthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	notJWT        = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	notValidated  = "The web identity token that was passed could not be validated by AWS. Get a new identity token from the identity provider and then retry the request."
	manyAudiences = "Token has more than one audience and no authorized party" // AWS's own words are not published
	noKey         = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
)

var (
	roleForm    = regexp.MustCompile(`^arn:[\w-]+:iam::(\d{12}):role/([\w+=,.@/-]+/)?([\w+=,.@-]+)$`)
	sessionForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func parseRole(arn string) (account, name string, ok bool) {
	m := roleForm.FindStringSubmatch(arn)
	if m == nil {
		return "", "", false
	}
	return m[1], m[3], true
}

// assumeRole checks the request, then the token, then the trust policy.
func (s *Server) assumeRole(r *http.Request, form url.Values, now time.Time) *answer {
	if r.Header.Get("Authorization") != "" {
		return refuse(http.StatusBadRequest, "ValidationError", "ststest: the request is signed; AssumeRoleWithWebIdentity is called without credentials")
	}
	duration, refused := s.parameters(form)
	if refused != nil {
		return refused
	}
	claims, refused := s.verify(form.Get("WebIdentityToken"), now)
	if refused != nil {
		return refused
	}
	role := form.Get("RoleArn")
	if !s.trusts(role, form.Get("WebIdentityToken")) {
		return refuse(http.StatusForbidden, "AccessDenied", notAuthorized)
	}
	return s.open(role, form.Get("RoleSessionName"), claims, now, duration)
}

// parameters checks what does not need the token.
func (s *Server) parameters(form url.Values) (time.Duration, *answer) {
	bad := func(format string, args ...any) *answer {
		return refuse(http.StatusBadRequest, "ValidationError", format, args...)
	}
	for _, name := range []string{"RoleArn", "RoleSessionName", "WebIdentityToken"} {
		if form.Get(name) == "" {
			return 0, bad("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(name))
		}
	}
	if _, _, ok := parseRole(form.Get("RoleArn")); !ok {
		return 0, bad("Request ARN is invalid")
	}
	if name := form.Get("RoleSessionName"); !sessionForm.MatchString(name) {
		return 0, bad("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	if n := len(form.Get("WebIdentityToken")); n < 4 || n > 20000 {
		return 0, bad("1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or equal to 20000")
	}
	if policy := form.Get("Policy"); policy != "" && !strings.HasPrefix(strings.TrimSpace(policy), "{") {
		return 0, refuse(http.StatusBadRequest, "MalformedPolicyDocument", "Syntax errors in policy.")
	}
	if len(form.Get("Policy")) > 2048 {
		return 0, refuse(http.StatusBadRequest, "PackedPolicyTooLarge", "Packed policy consumes more than 100%% of allotted space")
	}
	if form.Get("DurationSeconds") == "" {
		return time.Hour, nil
	}
	seconds, err := strconv.Atoi(form.Get("DurationSeconds"))
	duration := time.Duration(seconds) * time.Second
	switch {
	case err != nil || duration < 15*time.Minute:
		return 0, bad("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", seconds)
	case duration > s.o.MaxDuration:
		return 0, bad("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return duration, nil
}

var errUnknownKey = errors.New("unknown key")

// verify checks the token as the IAM OIDC provider does.
func (s *Server) verify(token string, now time.Time) (jwt.MapClaims, *answer) {
	invalid := func(format string, args ...any) *answer {
		return refuse(http.StatusBadRequest, "InvalidIdentityToken", format, args...)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		return nil, invalid(notJWT)
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat"} {
		if claims[name] == nil {
			return nil, invalid("Missing a required claim: %s", name)
		}
	}
	if issuer, _ := claims.GetIssuer(); issuer != s.o.Issuer {
		return nil, invalid("No OpenIDConnect provider found in your account for %s", issuer)
	}
	switch audience := audience(claims); {
	case len(audience) > 1:
		return nil, invalid(manyAudiences)
	case len(audience) == 0 || !slices.Contains(s.o.ClientIDs, audience[0]):
		return nil, invalid("Incorrect token audience")
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation())
	switch _, err := parser.ParseWithClaims(token, jwt.MapClaims{}, s.issuer.verification); {
	case errors.Is(err, errUnknownKey):
		return nil, invalid(noKey)
	case err != nil:
		return nil, invalid(notValidated)
	}
	exp, expErr := claims.GetExpirationTime()
	nbf, nbfErr := claims.GetNotBefore()
	switch {
	case expErr != nil || exp == nil || nbfErr != nil || nbf != nil && now.Before(nbf.Time):
		return nil, invalid(notValidated)
	case !now.Before(exp.Add(grace)):
		return nil, refuse(http.StatusBadRequest, "ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time%d", now.Unix(), exp.Unix())
	}
	return claims, nil
}

// grace is how long after its exp a token is still taken, for the sake of clocks that disagree (IAM User Guide, OIDC federation).
const grace = 5 * time.Minute

// audience is what is compared with the provider's client ids: azp where the token has one, else aud.
func audience(claims jwt.MapClaims) []string {
	if azp, _ := claims["azp"].(string); azp != "" {
		return []string{azp}
	}
	all, _ := claims.GetAudience()
	return all
}

func (i issuer) verification(t *jwt.Token) (any, error) {
	if t.Header["kid"] != i.keyID {
		return nil, errUnknownKey
	}
	return &i.key.PublicKey, nil
}

// trusts evaluates the role's trust policy.
func (s *Server) trusts(roleARN, token string) bool {
	account, _, _ := parseRole(roleARN)
	request, err := trustpolicy.RequestFromToken(token)
	if err != nil {
		return false
	}
	request.Account = account
	s.mu.Lock()
	policy := s.roles[roleARN]
	s.mu.Unlock()
	return policy != nil && policy.Evaluate(request).Verdict == trustpolicy.Allowed
}

// open starts a session.
func (s *Server) open(roleARN, sessionName string, claims jwt.MapClaims, now time.Time, duration time.Duration) *answer {
	account, role, _ := parseRole(roleARN)
	partition := strings.Split(roleARN, ":")[1]
	id := "AROA" + rand.Text()[:17]
	keyID, secret, token := "ASIA"+rand.Text()[:16], rand.Text()+rand.Text()[:14], "FwoGZXIvYXdz"+rand.Text()+rand.Text()+rand.Text()

	s.mu.Lock()
	if s.o.Lifetime > 0 {
		duration = s.o.Lifetime
	}
	opened := session{
		arn:     "arn:" + partition + ":sts::" + account + ":assumed-role/" + role + "/" + sessionName,
		userID:  id + ":" + sessionName,
		token:   token,
		expires: now.Add(duration),
	}
	s.sessions[keyID] = opened
	s.mu.Unlock()

	a := assumeRoleResponse{Namespace: namespace, Metadata: metadata{uid()}}
	a.Result.Audience = audience(claims)[0]
	a.Result.AssumedRoleUser.AssumedRoleID, a.Result.AssumedRoleUser.Arn = opened.userID, opened.arn
	a.Result.Provider = "arn:" + partition + ":iam::" + s.o.Account + ":oidc-provider/" + strings.TrimPrefix(s.o.Issuer, "https://")
	a.Result.SubjectFromWebIdentityToken, _ = claims.GetSubject()
	c := &a.Result.Credentials
	c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expiration = keyID, secret, token, opened.expires.UTC().Format(timeLayout)
	return &answer{http.StatusOK, a}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

package imds

import (
	"net/http"
	"time"

	"example.com/podrole/internal/linklocal"
)

// Seams for the fuzz targets.
var ParseRoles = parseRoles

// ParseSession reads the answer to a token request.
func ParseSession(body []byte, ttl string) (token string, life time.Duration, err error) {
	return parseSession(&linklocal.Answer{Body: body, Header: http.Header{ttlHeader: {ttl}}})
}

package ecs

// Seams for the tests of what the world does not show at will.
var (
	ExplainFile  = explainFile
	ParseRefusal = parseRefusal
	ParseToken   = parseToken
)

// Shown is how errors and log records show a URL.
func Shown(raw string) string {
	u, err := rules.Check(raw)
	if err != nil {
		return ""
	}
	return target{url: u}.shown()
}

// Claims shows what is read of a token.
func Claims(token string) (subject string, audience []string, ok bool) {
	c, ok := parseClaims(token)
	return c.subject, c.audience, ok
}

// Oddities says what is wrong with a token at first sight.
func Oddities(token string) string { return oddities(token) }

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

// Hang makes a reading of the token file hang, until it is let go.
func (p *Provider) Hang() (letGo func()) {
	p.reading <- struct{}{}
	return func() { <-p.reading }
}

// Oddities says what is wrong with a token at first sight.
func Oddities(token string) string { return oddities(token) }

// AllOf is everything that is ever said of a token.
func AllOf(token string) string {
	return subjectOf(token) + audienceOf(token) + expiryOf(token) + oddities(token)
}

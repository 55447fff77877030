package webidentity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/podrole/webidentity"
)

func TestSessionIsNamedAfterThePod(t *testing.T) {
	for name, c := range map[string]struct {
		claims webidentity.Claims
		want   string
	}{
		"pod":             {webidentity.Claims{Namespace: "default", Pod: "gryphon-7d9f-x2x", ServiceAccount: "gryphon"}, "default.gryphon-7d9f-x2x"},
		"service account": {webidentity.Claims{Namespace: "default", ServiceAccount: "gryphon"}, "default.gryphon"},
		"as long as may be": {webidentity.Claims{Namespace: "default", Pod: strings.Repeat("p", 56)},
			"default." + strings.Repeat("p", 56)},
		"too long, in the middle": {webidentity.Claims{Namespace: "a-namespace-with-a-long-name", Pod: "a-deployment-with-a-name-that-is-long-too-7d9f8b6c5-x2x9z"},
			"a-namespace-with-a-long-nam.888679cd.is-long-too-7d9f8b6c5-x2x9z"},
		"what STS does not take": {webidentity.Claims{Namespace: "n:s", Pod: "é p/1"}, "n-s.--p-1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := webidentity.SessionName(c.claims)
			assert.Equal(t, c.want, got)
			assert.True(t, webidentity.ValidSessionName(got))
		})
	}
}

func TestLongNamesThatDifferInTheMiddleStayApart(t *testing.T) {
	end := strings.Repeat("x", 40)
	one := webidentity.SessionName(webidentity.Claims{Namespace: end, Pod: "1" + end})
	two := webidentity.SessionName(webidentity.Claims{Namespace: end, Pod: "2" + end})
	assert.NotEqual(t, one, two)
	assert.Len(t, one, 64)
}

func TestNamelessTokenGetsARandomName(t *testing.T) {
	for _, c := range []webidentity.Claims{{}, {Namespace: "default"}, {Pod: "p"}, {Subject: "repo:x/y"}} {
		one, two := webidentity.SessionName(c), webidentity.SessionName(c)
		assert.True(t, strings.HasPrefix(one, "podrole-"), one)
		assert.True(t, webidentity.ValidSessionName(one))
		assert.NotEqual(t, one, two)
	}
}

func FuzzSessionName(f *testing.F) {
	f.Add("default", "pod-0", "sa")
	f.Add("", "", "")
	f.Add(strings.Repeat("ß", 60), "\x00\xff", "x")
	f.Fuzz(func(t *testing.T, namespace, pod, account string) {
		c := webidentity.Claims{Namespace: namespace, Pod: pod, ServiceAccount: account}
		name := webidentity.SessionName(c)
		assert.Regexp(t, `^[A-Za-z0-9_+=,.@-]{2,64}$`, name)
		assert.True(t, webidentity.ValidSessionName(name))
		if namespace != "" && pod != "" {
			assert.Equal(t, name, webidentity.SessionName(c), "a pod's sessions have one name")
		}
	})
}

package linklocal_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/podrole/internal/linklocal"
)

var (
	agent  = netip.MustParseAddr("169.254.170.2")
	agent6 = netip.MustParseAddr("fd00:ec2::23")
	rules  = linklocal.Rules{HTTP: []netip.Addr{agent, agent6}, HTTPS: true}
)

func TestAURLIsRefusedForWhatItsTextShows(t *testing.T) {
	const ok = ""
	for raw, want := range map[string]string{
		"http://169.254.170.2/creds":        ok,
		"http://169.254.170.2:8080":         ok,
		"HTTP://169.254.170.2/":             ok,
		"http://[fd00:ec2::23]/v1":          ok,
		"http://[fd00:ec2:0:0::0:23]:80/v1": ok,
		"http://127.0.0.1/":                 ok,
		"http://127.1.2.3:9/":               ok,
		"http://[::1]/":                     ok,
		"http://localhost:1/":               ok, // its addresses are checked in the dialer, as any name's
		"http://agent.internal/":            ok,
		"http://agent.internal./":           ok,
		"http://3com.example/":              ok,
		"https://agent.example/x?y=z":       ok,
		"https://192.0.2.1/":                ok,
		"https://[2001:db8::1]/":            ok,

		"":                                         "http or https",
		"169.254.170.2":                            "http or https",
		"//169.254.170.2/":                         "http or https",
		"ftp://169.254.170.2/":                     "http or https",
		"unix:///run/agent":                        "http or https",
		"http:169.254.170.2/":                      "no host",
		"http:///creds":                            "no host",
		"http://:80/":                              "no host",
		"http://\x00/":                             "not a URL",
		"http://169.254.170.2/\n":                  "not a URL",
		"http://169.254.170.2:80:80/":              "not",
		"http://169.254.170.2:http/":               "not a URL",
		"http://169.254.170.2:0/":                  "its port is not",
		"http://169.254.170.2:99999/":              "its port is not",
		"http://169.254.170.2@192.0.2.1/":          "user information",
		"http://u:p@169.254.170.2/":                "user information",
		"http://@169.254.170.2/":                   "user information",
		"http://169.254.169.254/":                  "http to 169.254.169.254 is not allowed",
		"http://169.254.170.3/":                    "not allowed",
		"http://10.0.0.1/":                         "not allowed",
		"http://0.0.0.0/":                          "not allowed",
		"http://[::]/":                             "not allowed",
		"http://[fd00:ec2::254]/":                  "not allowed",
		"http://[64:ff9b::a9fe:aa02]/":             "not allowed", // NAT64
		"http://[2002:a9fe:aa02::]/":               "not allowed", // 6to4
		"http://[::169.254.170.2]/":                "not allowed", // "IPv4-compatible"
		"http://[::ffff:169.254.170.2]/":           "disguised as IPv6",
		"http://[::ffff:a9fe:aa02]/":               "disguised as IPv6",
		"https://[::ffff:192.0.2.1]/":              "disguised as IPv6",
		"http://[fe80::1%25lo]/":                   "zone",
		"http://[::1%25lo]/":                       "zone",
		"http://2852039170/":                       "four decimal numbers",
		"https://2852039170/":                      "four decimal numbers",
		"http://0xa9feaa02/":                       "four decimal numbers",
		"http://0XA9FEAA02./":                      "four decimal numbers",
		"http://0251.0376.0252.2/":                 "four decimal numbers",
		"http://169.254.170.02/":                   "four decimal numbers",
		"http://169.254.43522/":                    "four decimal numbers",
		"http://169.254.170.2./":                   "four decimal numbers",
		"http://169.254.0xaa.0x2/":                 "four decimal numbers",
		"http://localhost.0x7f/":                   "four decimal numbers",
		"http://169.254.170.2.9/":                  "four decimal numbers",
		"http://fd00:ec2::23/":                     "not",
		"http://[fd00:ec2::23":                     "not a URL",
		"http://①⑥⑨.254.170.2/":                    "four decimal numbers", // the last label is a number, whatever the first one is for a resolver
		"http://169。254。170。2/":                    "not a host name",
		"http://agent%2einternal/":                 "not",
		"http://0x7f../":                           "not a host name",
		"http://a..b/":                             "not a host name",
		"http://-x.example/":                       "not a host name",
		"http://a b/":                              "not a URL",
		"http://x\\@192.0.2.1/":                    "not a URL",
		"http://" + strings.Repeat("a", 300) + "/": "not a host name",
	} {
		u, err := rules.Check(raw)
		if want == ok {
			if assert.NoError(t, err, raw) {
				assert.NotNil(t, u)
			}
			continue
		}
		if assert.Error(t, err, raw) {
			assert.Contains(t, err.Error(), want, raw)
		}
	}
}

func TestARefusalNeverShowsMoreThanAPlainHost(t *testing.T) {
	for _, raw := range []string{
		"http://user:s3cret@192.0.2.1/", "http://192.0.2.1/s3cret?s3cret#s3cret", "s3cret://192.0.2.1/", "http://[s3cret]/", "http://s3cret\x7f/", "http://192.0.2.1:s3cret/", "s3cret",
	} {
		_, err := rules.Check(raw)
		require.Error(t, err, raw)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestHTTPSIsHeldToTheSamePlacesWhereTheRulesDoNotLetItGo(t *testing.T) {
	strict := linklocal.Rules{HTTP: []netip.Addr{agent}}
	_, err := strict.Check("https://192.0.2.1/")
	assert.ErrorContains(t, err, "https to 192.0.2.1 is not allowed: only http to loopback, 169.254.170.2")
	_, err = strict.Check("https://169.254.170.2/")
	assert.NoError(t, err)
}

func TestANamedHostIsAllowedAndItsLikenessIsNot(t *testing.T) {
	named := linklocal.Rules{HTTP: []netip.Addr{agent}, Named: "192.0.2.1"}
	_, err := named.Check("http://192.0.2.1:8080/x")
	assert.NoError(t, err)
	_, err = named.Check("http://192.0.2.2/")
	assert.Error(t, err)
	_, err = linklocal.Rules{Named: "3221225985"}.Check("http://3221225985/")
	assert.ErrorContains(t, err, "four decimal numbers", "naming a trick does not make it an address")
}

func TestOwnHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"169.254.170.2": true, "fd00:ec2::23": true, "127.0.0.1": true, "::1": true, "localhost": true, "LOCALHOST": true,
		"": false, "localhost.": false, "localhost.example": false, "192.0.2.1": false, "::ffff:127.0.0.1": false, "2130706433": false, "::1%lo": false,
	} {
		assert.Equal(t, want, rules.Own(host), host)
	}
}

// FuzzCheck: whatever is accepted is http or https, has no user information, and a host that is either a plain name or an address
// which the rules allow.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"http://169.254.170.2/x", "https://u@h:1/", "http://[fd00:ec2::23%25e]/", "http://2852039166/", "http://0x7f.1/", "http://a@b@c/", "http://[::ffff:1.2.3.4]/", "http://0X00../"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := rules.Check(raw)
		if err != nil {
			if parsed, perr := url.Parse(raw); perr == nil && parsed.User != nil {
				if password, ok := parsed.User.Password(); ok && len(password) > 12 {
					assert.NotContains(t, err.Error(), password)
				}
			}
			return
		}
		assert.Contains(t, []string{"http", "https"}, u.Scheme)
		assert.Nil(t, u.User)
		host := u.Hostname()
		addr, err := netip.ParseAddr(host)
		if err != nil {
			assert.False(t, strings.ContainsAny(host, ":%/@[]\\ \t\r\n"), host)
			last := strings.TrimSuffix(host, ".")
			last = strings.ToLower(last[strings.LastIndex(last, ".")+1:])
			assert.NotEmpty(t, strings.Trim(last, "0123456789"), "a number for a name: %s", host)
			assert.False(t, strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "", host)
			return
		}
		assert.False(t, addr.Is4In6() || addr.Zone() != "", host)
		if u.Scheme == "http" {
			assert.True(t, addr.IsLoopback() || addr == agent || addr == agent6, host)
		}
	})
}

package linklocal

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rules say where requests may go. Loopback is always among it: whoever can listen there can read the process's files as well.
type Rules struct {
	HTTP  []netip.Addr // where http may go, besides loopback
	HTTPS bool         // https may go to any host: its certificate proves the name
	Named string       // a further host name or address, which the configuration names: wherever it leads is allowed
}

// Check parses a URL and refuses it where its text alone shows that the rules forbid it; a name's addresses are checked in the
// dialer. It does no I/O. The error never quotes the URL: it may hold a secret. It names the host where that is a plain one.
func (r Rules) Check(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it is not an http or https URL")
	case u.User != nil:
		return nil, errors.New("it has user information (the part before an @), which can disguise where a request goes")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("it names no host")
	case u.Port() != "" && !isPort(u.Port()):
		return nil, errors.New("its port is not a number from 1 to 65535")
	}
	addr, err := literal(u.Hostname())
	if err != nil {
		return nil, err
	}
	if addr.IsValid() && !r.allow(u, addr) {
		return nil, r.refusal(u, addr)
	}
	return u, nil
}

func isHostName(s string) bool { return len(s) <= 253 && hostName.MatchString(s) }

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// Own reports whether a URL's host is by itself one of the rules' own: an allowed address, or the name localhost, whose addresses
// must be loopback. For https, any host is where the rules say so; Own does not look at that.
func (r Rules) Own(host string) bool {
	addr, err := literal(host)
	switch {
	case err != nil:
		return false
	case !addr.IsValid():
		return strings.EqualFold(host, "localhost")
	}
	return addr.IsLoopback() || slices.Contains(r.HTTP, addr)
}

// allow reports whether a request for u may be sent to addr.
func (r Rules) allow(u *url.URL, addr netip.Addr) bool {
	switch {
	case r.Named != "" && u.Hostname() == r.Named, r.HTTPS && u.Scheme == "https":
		return true
	}
	return addr.IsLoopback() || slices.Contains(r.HTTP, addr)
}

func (r Rules) refusal(u *url.URL, addr netip.Addr) error {
	where := u.Scheme + " to " + u.Hostname()
	if shown := addr.String(); shown != u.Hostname() {
		where += " (" + shown + ")"
	}
	return fmt.Errorf("%s is not allowed: only %s", where, r)
}

// String lists the places.
func (r Rules) String() string {
	places := []string{"loopback"}
	for _, addr := range r.HTTP {
		places = append(places, addr.String())
	}
	text := "http to " + strings.Join(places, ", ")
	if r.HTTPS {
		text += ", and https to any host"
	}
	return text
}

const label = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`

var (
	hostName = regexp.MustCompile(`^` + label + `(\.` + label + `)*\.?$`)
	// A last label that is a number makes a host an IPv4 address for inet_aton and for browsers (WHATWG URL, "ends in a number"):
	// 2852039166, 0xa9fea9fe, 0251.0376.0251.0376, 169.254.43518. Go takes them for names, and the system's resolver need not.
	numeric = regexp.MustCompile(`(?i)(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$`)
)

// literal returns the address that a URL's host is, the zero Addr where it is a name, and an error for what pretends to be either.
func literal(host string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil && strings.ContainsAny(host, ":%"):
		return netip.Addr{}, errors.New("its host is not an IP address")
	case err != nil && numeric.MatchString(host):
		return netip.Addr{}, errors.New("its host is a number in decimal, octal or hexadecimal notation: write an IPv4 address as four decimal numbers")
	case err != nil && !isHostName(host):
		return netip.Addr{}, errors.New("its host is not a host name")
	case err != nil:
		return netip.Addr{}, nil
	case addr.Zone() != "":
		return netip.Addr{}, errors.New("its address has a zone (the part after a %)")
	case addr.Is4In6():
		return netip.Addr{}, errors.New("its host is an IPv4 address disguised as IPv6: write it as four decimal numbers")
	}
	return addr, nil
}

// Package linklocal is the HTTP client of the providers that ask the machine they run on: the EC2 metadata service and the
// container agents. What they answer is an identity, so a request must reach that place and no other.
//
//   - No proxy: a metadata request sent through one comes back with the role of the proxy's machine.
//   - No redirect is followed. No connection is reused, so each is checked anew and none outlives its request.
//   - A URL is checked against [Rules] as text, and in the dialer once more after its name was resolved: every address must be
//     allowed, and the address that was checked is the one that is dialled.
//   - An answer is read up to 64 KiB. Each attempt has a time bound, and its caller's context bounds them all.
//
// The texts of errors hold methods, URLs without query, hosts and status codes; never a header's value or any part of an answer but the
// host that a redirect leads to, where that is a plain one and does not repeat what was sent.
package linklocal

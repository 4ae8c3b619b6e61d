package access

import (
	"net"
	"net/netip"

	"github.com/houvast/houvast/internal/access/browser"
)

// A Client is where a try to sign in comes from, as far as we want to know it.
type Client struct {
	Address string // where tries are counted together; never stored
	Browser string // as browser.Describe says it; kept with the session for its owner
}

// ClientOf returns the client of a request: remote is the address of its connection, userAgent its
// header.
func ClientOf(remote, userAgent string) Client {
	return Client{addressOf(remote), browser.Describe(userAgent)}
}

// addressOf returns an IPv4 address, the first 64 bits of an IPv6 one, or "control".
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return "control"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "control"
	}
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		p, err := addr.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return addr.String()
}

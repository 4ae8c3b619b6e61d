package access

import (
	"net"
	"net/netip"
)

// ClientOf names where tries to sign in are counted together: an IPv4 address, or the first 64 bits
// of an IPv6 one.
func ClientOf(remote string) string {
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

package keyuse

import "net/netip"

// Household is what of a caller's name one who wants more than a caller's share cannot
// change at will: an address without its port, of an IPv6 address the network.
func Household(caller string) string {
	ip, err := netip.ParseAddr(caller)
	if at, bad := netip.ParseAddrPort(caller); bad == nil {
		ip, err = at.Addr(), nil
	}
	if err != nil {
		return caller
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64)
	return network.String()
}

package keyuse

import "net/netip"

// Household returns the part of a caller's name that the caller cannot choose
// freely: an address without its port, for IPv6 the /64 network. Other names
// are returned as they are. Limits per caller use it.
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

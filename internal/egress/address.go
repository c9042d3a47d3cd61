package egress

import (
	"errors"
	"net/netip"
	"slices"
)

// ErrForbidden is what fails a connection to an address that Allowed refuses.
var ErrForbidden = errors.New("no URL of a user may lead to an address where nodes get their credentials")

// credentials are the addresses where a cloud's machines find their credentials and metadata. All of 169.254.0.0/16 is link-local:
// EC2's and most others' 169.254.169.254, ECS's 169.254.170.2, EKS's 169.254.170.23. The rest are Alibaba's, Azure's and Oracle's.
var credentials = prefixes("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")

// forbidden are those of IPv6, link-local ones, and multicast. fd00:ec2::/32 is EC2's and EKS's, the others Google's and Oracle's.
var forbidden = append(prefixes("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "fd00:c1::/32", "224.0.0.0/4", "ff00::/8", "0.0.0.0/8"),
	credentials...)

// embedded are the prefixes of IPv6 addresses that a gateway or a tunnel turns into an IPv4 address, and where in them that address
// has its bytes.
var embedded = []struct {
	prefix netip.Prefix
	bytes  [][4]int
}{
	{netip.MustParsePrefix("::/96"), [][4]int{last}},             // IPv4-compatible
	{netip.MustParsePrefix("::ffff:0:0:0/96"), [][4]int{last}},   // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), [][4]int{last}},      // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), [][4]int{{2, 3, 4, 5}}}, // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), [][4]int{{4, 5, 6, 7}}}, // Teredo's server, RFC 4380
	// NAT64 of a network's own, RFC 8215. Its prefix may have any length that RFC 6052 knows.
	{netip.MustParsePrefix("64:ff9b:1::/48"), [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, last}},
}

var last = [4]int{12, 13, 14, 15}

// Allowed reports whether a URL of a user may lead to the address. Loopback and private addresses are allowed: a server's files
// often come from a host beside it.
func Allowed(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if !a.IsValid() || a.IsUnspecified() || within(a, forbidden) {
		return false
	}
	if a.Is4() {
		return true
	}
	b := a.As16()
	four := func(at [4]int) netip.Addr { return netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}) }
	for _, e := range embedded {
		if e.prefix.Contains(a) && slices.ContainsFunc(e.bytes, func(at [4]int) bool { return within(four(at), credentials) }) {
			return false
		}
	}
	// ISATAP, RFC 5214, may have any prefix. Teredo's client has its address with all bits turned.
	isatap := b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	teredo := b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0
	client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	return !(isatap && within(four(last), credentials)) && !(teredo && within(client, credentials))
}

func within(a netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func prefixes(list ...string) (all []netip.Prefix) {
	for _, p := range list {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

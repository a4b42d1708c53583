package webhook

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrBlocked says that the host of a contact has only addresses that are
// neither public nor in Config.Private.
var ErrBlocked = errors.New("webhook: the host is not on the public internet")

// notPublic are ranges that look like addresses on the internet and are none,
// or lead to one that is not checked: the IANA registries of special-purpose
// addresses, RFC 6890.
var notPublic = prefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // behind the carrier's translation
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved
	"2001::/23",       // protocol assignments, Teredo among them
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: holds an IPv4 address
	"3fff::/20",       // documentation
)

var (
	globalIPv6 = netip.MustParsePrefix("2000::/3")     // all that IANA has given out
	nat64      = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last four bytes are the IPv4 address
)

func prefixes(list ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, text := range list {
		p = append(p, netip.MustParsePrefix(text))
	}
	return p
}

func within(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// public reports whether a is an address of the public internet.
func public(a netip.Addr) bool {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !within(notPublic, a) && (a.Is4() || globalIPv6.Contains(a))
}

// dialer returns a function that connects to public addresses and those in
// allowed. The address is checked after the name was resolved, at the moment of
// the connection, so that no later answer of the name server gets past it.
func dialer(allowed []netip.Prefix) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var refused, tried atomic.Int32
		d := net.Dialer{
			KeepAlive: 30 * time.Second,
			Control: func(_, address string, _ syscall.RawConn) error {
				to, err := netip.ParseAddrPort(address)
				if a := to.Addr().Unmap().WithZone(""); err != nil || !public(a) && !within(allowed, a) {
					refused.Add(1)
					return ErrBlocked
				}
				tried.Add(1)
				return nil
			},
		}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil && refused.Load() > 0 && tried.Load() == 0 {
			return nil, ErrBlocked
		}
		return conn, err
	}
}

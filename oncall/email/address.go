package email

import (
	"net/netip"
	"strings"
)

// Limits of RFC 5321 section 4.5.3.1, in bytes.
const (
	maxLocal   = 64
	maxDomain  = 253 // RFC 1035: 255 with the length bytes
	maxAddress = 254 // a path of 256 without < and >
	maxLabel   = 63
)

// validAddress reports whether text is local@domain with a dot-atom before the
// @: all that is in use, and nothing that ends a command or a header. Addresses
// outside ASCII need SMTPUTF8, which is not spoken here.
func validAddress(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	return ok && len(text) <= maxAddress && validLocal(local) && validDomain(domain)
}

func validLocal(local string) bool {
	if local == "" || len(local) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAtext(atom[i]) {
				return false
			}
		}
	}
	return true
}

// isAtext is RFC 5322 section 3.2.3.
func isAtext(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// validDomain reports whether text is a host name of ASCII labels, or an address
// literal of RFC 5321 section 4.1.3.
func validDomain(text string) bool {
	if literal, ok := strings.CutPrefix(text, "["); ok {
		return validLiteral(literal)
	}
	if text == "" || len(text) > maxDomain {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlphanumeric(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

func validLiteral(rest string) bool {
	text, ok := strings.CutSuffix(rest, "]")
	text, six := strings.CutPrefix(text, "IPv6:")
	ip, err := netip.ParseAddr(text)
	return ok && err == nil && ip.Zone() == "" && ip.Is6() == six
}

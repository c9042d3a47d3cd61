package module

import "strings"

// An LSID names a module for all servers: urn:lsid:AUTHORITY:NAMESPACE:ID[:VERSION].
type LSID string

// IsValid reports whether it has the form of an LSID.
func (l LSID) IsValid() bool {
	parts := strings.Split(string(l), ":")
	if len(parts) < 5 || len(parts) > 6 || !strings.EqualFold(parts[0], "urn") || !strings.EqualFold(parts[1], "lsid") {
		return false
	}
	for _, p := range parts[2:] {
		if p == "" || strings.ContainsAny(p, " \t\n\r") {
			return false
		}
	}
	return true
}

// Version is its last part, "" where it has none.
func (l LSID) Version() string {
	if parts := strings.Split(string(l), ":"); l.IsValid() && len(parts) == 6 {
		return parts[5]
	}
	return ""
}

// SameModule reports whether both name one module, in whatever version.
func (l LSID) SameModule(o LSID) bool {
	return l.IsValid() && o.IsValid() && l.unversioned() == o.unversioned()
}

func (l LSID) unversioned() string {
	return strings.ToLower(strings.Join(strings.Split(string(l), ":")[:5], ":"))
}

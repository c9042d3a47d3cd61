package egress

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Shown is a URL for people: without user, password, fragment and query. Of what is no URL only the scheme is shown, because
// nobody knows where in it a password ends.
func Shown(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		if scheme, _, ok := strings.Cut(raw, "://"); ok && isScheme.MatchString(scheme) {
			return scheme + "://…"
		}
		return "…"
	}
	return ShownURL(u)
}

// ShownURL is Shown of a URL that was parsed.
func ShownURL(u *url.URL) string {
	v := *u
	v.User, v.Fragment = nil, ""
	if v.RawQuery != "" {
		v.RawQuery = "…"
	}
	return strings.Replace(v.String(), "%E2%80%A6", "…", 1)
}

// IsWeb reports whether a URL is one of the web, http, https or ftp, as which anything may be fetched, and whose user, password and
// query may be secret.
func IsWeb(raw string) bool {
	scheme, _, found := strings.Cut(raw, "://")
	return found && slices.Contains([]string{"http", "https", "ftp"}, strings.ToLower(scheme))
}

// ShownAny is Shown of a URL of the web. Any other URL is shown as it is: keys may hold any character.
func ShownAny(raw string) string {
	if IsWeb(raw) {
		return Shown(raw)
	}
	return raw
}

var (
	isScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	userinfo = regexp.MustCompile(`://[^/?#\s"]*@`)
)

// Scrub takes users and passwords out of the URLs in a text.
func Scrub(text string) string { return userinfo.ReplaceAllString(text, "://…@") }

package wire

const upperHex = "0123456789ABCDEF"

// Escape appends v as object stores want names escaped: all but the unreserved characters of RFC 3986, and slashes in paths.
func Escape(b []byte, v string, path bool) []byte {
	for i := range len(v) {
		c := v[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', path && c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

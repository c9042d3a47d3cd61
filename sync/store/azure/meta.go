package azure

import (
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/genepattern/ferry/sync/store"
)

// Names of a blob's metadata must be identifiers of C#, so they have neither dashes nor dots. A dash is written as an underscore,
// and whatever else an identifier cannot have, or an underscore itself, as "_z" and the two hexadecimal digits of its byte. A dash
// before a "z" is written that way, too, so that every name has one reading.
// https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata

const metaPrefix = "X-Ms-Meta-"

// folder is the metadata that says that a blob stands for a directory, as Hadoop, AzCopy and accounts with a hierarchical namespace
// have it.
const folder = "hdi_isfolder"

func encodeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9' && i > 0:
			b.WriteByte(c)
		case c == '-' && (i+1 == len(name) || name[i+1] != 'z'):
			b.WriteByte('_')
		default:
			b.WriteString("_z" + hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

func decodeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '_' {
			b.WriteByte(name[i])
			continue
		}
		if i+3 < len(name) && name[i+1] == 'z' {
			if c, err := hex.DecodeString(name[i+2 : i+4]); err == nil {
				b.Write(c)
				i += 3
				continue
			}
		}
		b.WriteByte('-')
	}
	return b.String()
}

// setMeta puts metadata into the headers of a request.
func setMeta(h http.Header, m store.Meta) {
	for k, v := range m {
		h[http.CanonicalHeaderKey(metaPrefix+encodeName(k))] = []string{v}
	}
}

// metaOf reads it from those of an answer, and says whether the blob is a folder.
func metaOf(h http.Header) (m store.Meta, isFolder bool) {
	isFolder = strings.EqualFold(h.Get("X-Ms-Resource-Type"), "directory")
	for k, v := range h {
		name, ok := strings.CutPrefix(k, metaPrefix)
		if !ok || len(v) == 0 {
			continue
		}
		switch name = strings.ToLower(name); name {
		case folder:
			isFolder = isFolder || strings.EqualFold(v[0], "true")
		case wholeSum:
		default:
			if m == nil {
				m = make(store.Meta, 4)
			}
			m[decodeName(name)] = v[0]
		}
	}
	return m, isFolder
}

package s3

import (
	"bytes"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// A listPage is an answer to ListObjectsV2.
type listPage struct {
	objects []store.Object
	more    bool
	next    string // continuation token
}

var errList = errors.New("answer is not a listing")

// parseList reads the XML of an answer. It is a scanner for this one document and not encoding/xml because that takes
// over 10 ms for a page of 1000, which would be most of the time an unchanged tree takes. Elements it does not know
// are passed over; a document that is cut off or of another kind is an error.
func parseList(doc []byte) (listPage, error) {
	var (
		page    listPage
		o       store.Object
		inside  bool // <Contents>
		encoded bool
		root    bool
		fail    error
	)
	page.objects = make([]store.Object, 0, 1000)
	for {
		name, text, rest, ok := nextElement(doc)
		if !ok {
			return page, errList
		}
		doc = rest
		switch string(name) {
		case "ListBucketResult":
			root = true
		case "/ListBucketResult":
			if !root || fail != nil {
				return page, errors.Join(errList, fail)
			}
			return page, page.decode(encoded)
		case "Contents":
			o, inside = store.Object{Size: -1}, true
		case "/Contents":
			if !inside || o.Key == "" || o.Size < 0 {
				return page, errList
			}
			page.objects = append(page.objects, o)
			inside = false
		case "Key":
			o.Key = wire.Unescape(text)
		case "ETag":
			o.ETag = wire.Unescape(text)
		case "Size":
			n, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil || n < 0 {
				fail = errors.New("size is not a number")
			}
			o.Size = n
		case "StorageClass":
			o.Archived = archived(string(text))
		case "LastModified":
			o.ModTime = parseTime(text)
		case "IsTruncated":
			page.more = string(text) == "true"
		case "NextContinuationToken":
			page.next = wire.Unescape(text)
		case "EncodingType":
			encoded = string(text) == "url"
		}
	}
}

// decode undoes encoding-type=url, which is the form encoding: "+" is a space.
func (p *listPage) decode(encoded bool) error {
	if p.more && p.next == "" {
		return errors.Join(errList, errors.New("no continuation token"))
	}
	if !encoded {
		return nil
	}
	for i := range p.objects {
		k := p.objects[i].Key
		if strings.IndexByte(k, '%') < 0 && strings.IndexByte(k, '+') < 0 {
			continue
		}
		u, err := url.QueryUnescape(k)
		if err != nil {
			return errors.Join(errList, err)
		}
		p.objects[i].Key = u
	}
	return nil
}

// nextElement finds the next tag: its name, with the slash of an end tag, and the text between it and the next tag.
func nextElement(doc []byte) (name, text, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(doc, '<')
		if i < 0 {
			return nil, nil, nil, false
		}
		doc = doc[i+1:]
		j := bytes.IndexByte(doc, '>')
		if j < 0 {
			return nil, nil, nil, false
		}
		tag := doc[:j]
		doc = doc[j+1:]
		if len(tag) == 0 || tag[0] == '?' || tag[0] == '!' {
			continue
		}
		if tag[len(tag)-1] == '/' {
			return trimName(tag[:len(tag)-1]), nil, doc, true
		}
		name := trimName(tag)
		end := bytes.IndexByte(doc, '<')
		if end < 0 {
			end = len(doc)
		}
		return name, doc[:end], doc[end:], true
	}
}

// trimName cuts attributes off.
func trimName(tag []byte) []byte {
	if i := bytes.IndexAny(tag, " \t\r\n"); i >= 0 {
		return tag[:i]
	}
	return tag
}

// parseTime reads "2006-01-02T15:04:05.000Z", as S3 always writes it, and other forms of RFC 3339 more slowly.
func parseTime(t []byte) time.Time {
	if len(t) == 24 && t[4] == '-' && t[7] == '-' && t[10] == 'T' && t[13] == ':' && t[16] == ':' && t[19] == '.' && t[23] == 'Z' {
		n := [7]int{}
		for i, span := range [7][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}, {20, 23}} {
			for _, c := range t[span[0]:span[1]] {
				if c < '0' || c > '9' {
					return noTime
				}
				n[i] = n[i]*10 + int(c-'0')
			}
		}
		return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1e6, time.UTC)
	}
	v, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		return noTime
	}
	return v
}

// archived reports whether objects of the storage class must be restored before they are read. It is the AWS CLI's rule: a listing does
// not tell which of them are restored.
func archived(class string) bool { return class == "GLACIER" || class == "DEEP_ARCHIVE" }

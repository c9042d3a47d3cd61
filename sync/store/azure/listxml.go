package azure

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

// A page is an answer to List Blobs.
type page struct {
	objects      []store.Object
	next         string // the marker of the next page; "" for none
	hierarchical bool   // an entry tells its type of resource
}

var errPage = errors.New("answer is not a listing")

// parsePage reads the XML of an answer. It is a scanner for this one document and not encoding/xml, which takes several times as long.
// Elements it does not know are passed over; a document that is cut off or of another kind is an error.
func parsePage(doc []byte) (page, error) {
	p := page{objects: make([]store.Object, 0, bytes.Count(doc, []byte("<Blob>")))}
	var e entry
	root := false
	for {
		t, rest, ok := nextTag(doc)
		if !ok {
			return p, errPage
		}
		doc = rest
		switch string(t.name) {
		case "EnumerationResults":
			root = true
		case "/EnumerationResults":
			if !root || e.fail != nil {
				return p, errors.Join(errPage, e.fail)
			}
			return p, nil
		case "NextMarker":
			p.next = wire.Unescape(t.text)
		case "Blob":
			e = entry{fail: e.fail, size: -1, inside: true}
		case "/Blob":
			o, err := e.object()
			if err != nil {
				return p, err
			}
			p.hierarchical = p.hierarchical || e.typed
			p.objects = append(p.objects, o)
			e.inside = false
		default:
			e.take(t)
		}
	}
}

// An entry is a blob of a page.
type entry struct {
	inside, meta           bool // <Blob>, and <Metadata> in it
	name, etag             string
	size                   int64
	modified               time.Time
	isFolder, typed, isOld bool
	fail                   error
}

// take takes what a tag says of the blob.
func (e *entry) take(t tag) {
	if !e.inside {
		return
	}
	name := string(t.name)
	switch {
	case name == "Metadata" && !t.empty:
		e.meta = true
	case name == "/Metadata":
		e.meta = false
	case e.meta:
		if strings.EqualFold(name, folder) {
			e.isFolder = strings.EqualFold(string(t.text), "true")
		}
	case name == "Name":
		e.name = wire.Unescape(t.text)
		if t.encoded { // what XML cannot hold
			var err error
			if e.name, err = url.PathUnescape(e.name); err != nil {
				e.fail = err
			}
		}
	case name == "Etag":
		e.etag = quoted(wire.Unescape(t.text))
	case name == "Content-Length":
		n, err := strconv.ParseInt(string(t.text), 10, 64)
		if err != nil || n < 0 {
			e.fail = errors.New("length is not a number")
		}
		e.size = n
	case name == "Last-Modified":
		e.modified = parseTime(t.text)
	case name == "AccessTier":
		e.isOld = string(t.text) == "Archive"
	case name == "ResourceType":
		e.typed = true
		e.isFolder = e.isFolder || strings.EqualFold(string(t.text), "directory")
	}
}

func (e *entry) object() (store.Object, error) {
	if !e.inside || e.name == "" || e.size < 0 && !e.isFolder {
		return store.Object{}, errPage
	}
	o := store.Object{Key: e.name, Size: max(0, e.size), ModTime: e.modified, ETag: e.etag, Archived: e.isOld}
	if e.isFolder {
		o.Key = strings.TrimSuffix(e.name, "/") + "/"
		o.Size = 0
	}
	return o, nil
}

// quoted is a tag as headers have it: a listing leaves the quotes out.
func quoted(tag string) string {
	if tag == "" || strings.HasPrefix(tag, `"`) || strings.HasPrefix(tag, "W/") {
		return tag
	}
	return `"` + tag + `"`
}

// A tag of XML, and the text between it and the next one.
type tag struct {
	name    []byte // with the slash of an end tag
	text    []byte
	empty   bool // <name/>
	encoded bool // it has the attribute Encoded="true"
}

func nextTag(doc []byte) (t tag, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(doc, '<')
		if i < 0 {
			return t, nil, false
		}
		doc = doc[i+1:]
		j := bytes.IndexByte(doc, '>')
		if j < 0 {
			return t, nil, false
		}
		in := doc[:j]
		doc = doc[j+1:]
		if len(in) == 0 || in[0] == '?' || in[0] == '!' {
			continue
		}
		if in[len(in)-1] == '/' {
			in, t.empty = in[:len(in)-1], true
		}
		t.name = in
		if k := bytes.IndexAny(in, " \t\r\n"); k >= 0 {
			t.name, t.encoded = in[:k], bytes.Contains(in[k:], []byte(`Encoded="true"`))
		}
		if t.empty {
			return t, doc, true
		}
		end := bytes.IndexByte(doc, '<')
		if end < 0 {
			end = len(doc)
		}
		t.text = doc[:end]
		return t, doc[end:], true
	}
}

var months = map[string]time.Month{"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}

// parseTime reads "Wed, 09 Sep 2009 09:20:02 GMT". It is the zero time where it is none.
func parseTime(t []byte) time.Time {
	number := func(from, to int) (n int) {
		for _, c := range t[from:to] {
			n = n*10 + int(c-'0')
		}
		return n
	}
	if len(t) == len(timeForm) && t[3] == ',' && t[19] == ':' && t[22] == ':' {
		if m, ok := months[string(t[8:11])]; ok {
			return time.Date(number(12, 16), m, number(5, 7), number(17, 19), number(20, 22), number(23, 25), 0, time.UTC)
		}
	}
	return time.Time{}
}

const timeForm = "Mon, 02 Jan 2006 15:04:05 GMT"

package s3

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

const page = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>k/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>1ue&amp;GcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
<Contents><Key>k/a+b%2Bc%0A%C3%A9</Key><LastModified>2024-02-03T04:05:06.789Z</LastModified><ETag>&quot;0123&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>12345678901</Size><Owner><ID>x</ID><DisplayName/></Owner><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>k/&lt;&#x1;&#10;</Key><Size>0</Size><LastModified>2024-02-03T04:05:06Z</LastModified></Contents></ListBucketResult>`

func TestParseList(t *testing.T) {
	p, err := parseList([]byte(page))
	if err != nil || len(p.objects) != 2 || !p.more || p.next != "1ue&GcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=" {
		t.Fatalf("%+v, %v", p, err)
	}
	a, b := p.objects[0], p.objects[1]
	if a.Key != "k/a b+c\n\u00e9" || a.Size != 12345678901 || a.ETag != `"0123"` || !a.ModTime.Equal(time.Date(2024, 2, 3, 4, 5, 6, 789e6, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if b.Key != "k/<\x01\n" || b.Size != 0 || !b.ModTime.Equal(time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)) {
		t.Errorf("%+v", b)
	}
	for i := range len(page) { // a document that is cut off is never taken for a whole one
		if p, err := parseList([]byte(page[:i])); err == nil {
			t.Fatalf("cut at %d: %+v", i, p)
		}
	}
	if _, err := parseList([]byte("<Error><Code>x</Code></Error>")); err == nil {
		t.Error("an error is a listing")
	}
}

// Where encoding/xml understands a listing, parseList understands the same.
func FuzzParseList(f *testing.F) {
	f.Add(page)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := parseList([]byte(doc))
		if err != nil {
			return
		}
		var want struct {
			XMLName      xml.Name `xml:"ListBucketResult"`
			EncodingType string
			Contents     []struct {
				Key  string
				Size int64
			}
		}
		if xml.Unmarshal([]byte(doc), &want) != nil || want.EncodingType == "url" || len(want.Contents) != len(got.objects) {
			return // not XML, or comments and other things that no listing has
		}
		for i, c := range want.Contents {
			if o := got.objects[i]; plain(c.Key) && (o.Key != c.Key || o.Size != c.Size) {
				t.Errorf("%q, %d; want %q, %d", o.Key, o.Size, c.Key, c.Size)
			}
		}
	})
}

// plain leaves out what encoding/xml normalises, or joins from several pieces.
func plain(s string) bool {
	for _, c := range s {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return s != ""
}

func thousand() []byte {
	head, entry, _ := strings.Cut(page, "<Contents>")
	entry, _, _ = strings.Cut(entry, "</Contents>")
	return []byte(head + strings.Repeat("<Contents>"+entry+"</Contents>", 1000) + "</ListBucketResult>")
}

func BenchmarkParseList(b *testing.B) {
	doc := thousand()
	for b.Loop() {
		if _, err := parseList(doc); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingXML is what parseList stands in for.
func BenchmarkEncodingXML(b *testing.B) {
	doc := thousand()
	for b.Loop() {
		var list struct {
			Contents []struct {
				Key, ETag    string
				LastModified time.Time
				Size         int64
			}
		}
		if err := xml.Unmarshal(doc, &list); err != nil || len(list.Contents) != 1000 {
			b.Fatal(err)
		}
	}
}

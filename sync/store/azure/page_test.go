package azure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
)

// listing is an answer as the documentation of List Blobs has it.
const listing = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="c"><Prefix>p</Prefix><Blobs>` +
	`<Blob><Name>a &amp; &lt;b&gt;</Name><Properties><Last-Modified>Wed, 09 Sep 2009 09:20:02 GMT</Last-Modified><Etag>0x8CB171DBEAD6A6B</Etag><Content-Length>12</Content-Length><AccessTier>Archive</AccessTier></Properties><Metadata><name>Name</name><Etag>not this</Etag></Metadata></Blob>` +
	`<Blob><Name Encoded="true">x%EF%BF%BE%25</Name><Properties><Content-Length>0</Content-Length><Etag>"q"</Etag></Properties><Metadata /></Blob>` +
	`<Blob><Name>dir</Name><Properties><Content-Length>0</Content-Length></Properties><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>` +
	`</Blobs><NextMarker>2!a&amp;b</NextMarker></EnumerationResults>`

// A listing is read as it is documented; one that is cut off anywhere is an error.
func TestPage(t *testing.T) {
	got, next, hierarchical, err := azure.ParsePage([]byte(listing))
	want := []store.Object{
		{Key: "a & <b>", Size: 12, ModTime: time.Date(2009, 9, 9, 9, 20, 2, 0, time.UTC), ETag: `"0x8CB171DBEAD6A6B"`, Archived: true},
		{Key: "x\uFFFE%", ETag: `"q"`},
		{Key: "dir/"},
	}
	if err != nil || next != "2!a&b" || hierarchical || len(got) != len(want) {
		t.Fatalf("%v, %q, %v, %v", got, next, hierarchical, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	for i := range len(listing) {
		if _, _, _, err := azure.ParsePage([]byte(listing[:i])); err == nil {
			t.Errorf("cut off at %d it is a listing", i)
		}
	}
	for _, doc := range []string{"", "<html></html>", strings.Replace(listing, ">12<", ">twelve<", 1), strings.Replace(listing, "<Name>dir</Name>", "", 1)} {
		if _, _, _, err := azure.ParsePage([]byte(doc)); err == nil {
			t.Errorf("it is a listing: %.60q", doc)
		}
	}
}

package testenv

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// Archive is the server with some of its keys archived: a listing and a HEAD have their storage class, and a GET is denied, as S3 does it.
// The lab's server has no archive of its own.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func Archive(t testing.TB, s *Server, class string, keys ...string) *Server {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	archived := map[string]bool{}
	for _, k := range keys {
		archived[k] = true
	}
	g := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ModifyResponse: func(resp *http.Response) error {
			_, key, _ := strings.Cut(strings.TrimPrefix(resp.Request.URL.Path, "/"), "/")
			switch {
			case resp.StatusCode >= 300:
				return nil
			case key == "" && resp.Request.Method == http.MethodGet:
				return replaceBody(resp, resp.StatusCode, func(b []byte) []byte { return classed(b, class, archived) })
			case archived[key] && resp.Request.Method == http.MethodHead:
				resp.Header.Set("X-Amz-Storage-Class", class)
			case archived[key] && (resp.Request.Method == http.MethodGet || resp.Request.Header.Get("X-Amz-Copy-Source") != ""):
				return replaceBody(resp, http.StatusForbidden, func([]byte) []byte {
					return fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class</Message><StorageClass>%s</StorageClass></Error>", class)
				})
			}
			return nil
		},
	})
	t.Cleanup(g.Close)
	via := *s
	via.Endpoint = g.URL
	return &via
}

// classed gives the archived keys of a listing their class.
func classed(doc []byte, class string, archived map[string]bool) []byte {
	parts := bytes.Split(doc, []byte("<Contents>"))
	for i, p := range parts[1:] {
		_, rest, _ := bytes.Cut(p, []byte("<Key>"))
		key, _, _ := bytes.Cut(rest, []byte("</Key>"))
		if name, err := url.QueryUnescape(string(key)); err == nil && archived[name] {
			parts[i+1] = bytes.Replace(p, []byte("<StorageClass>STANDARD<"), []byte("<StorageClass>"+class+"<"), 1)
		}
	}
	return bytes.Join(parts, []byte("<Contents>"))
}

func replaceBody(resp *http.Response, status int, by func([]byte) []byte) error {
	old, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body.Close()
	b := by(old)
	resp.Body, resp.ContentLength, resp.StatusCode = io.NopCloser(bytes.NewReader(b)), int64(len(b)), status
	resp.Header.Set("Content-Length", strconv.Itoa(len(b)))
	return nil
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// million measures a listing of 1,000,000 objects against an empty tree and against one that has them all. The objects
// exist in the listing only, so the tools are told to do nothing, and rclone not to ask for each object's time. Each is
// measured once: memory is what counts.
func million(ctx context.Context, s settings, tools []peer) error {
	n := int(1_000_000 * s.scale)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	srv := &http.Server{Handler: lister{n: n, when: time.Now().Add(24 * time.Hour).UTC()}}
	go func() { _ = srv.Serve(l) }()
	at := target{endpoint: "http://" + l.Addr().String()}
	fmt.Printf("\n## listing of %d objects\n", n)
	dst := filepath.Join(s.dir, "million")
	defer func() { _ = os.RemoveAll(dst) }()
	for _, tree := range []string{"empty", "full"} {
		if err := os.MkdirAll(dst, 0o755); err != nil {
			return err
		}
		for i := 0; tree == "full" && i < n; i++ {
			path := filepath.Join(dst, name(i))
			if i%1000 == 0 {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
			}
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return err
			}
		}
		costs := map[string][]cost{}
		for _, t := range tools {
			c, err := measure(ctx, t.path, t.dry(at, "s3://"+bucket+"/data", dst), at)
			if err != nil && (t.name == "ferry" || t.name == before || ctx.Err() != nil) {
				return err
			}
			if err != nil { // s5cmd 2.3.0 crashed with the full tree once in two
				fmt.Fprintln(os.Stderr, "not in this row:", err)
				continue
			}
			costs[t.name] = append(costs[t.name], c)
		}
		report("plain", "a million against the "+tree+" tree", costs)
	}
	return nil
}

func name(i int) string { return fmt.Sprintf("d%04d/file-%07d.txt", i/1000, i) }

// A lister answers ListObjectsV2, and lists directories for rclone, which asks for one at a time unless told otherwise.
type lister struct {
	n    int
	when time.Time
}

func (l lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || q.Get("list-type") != "2" {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name>`)
	from, _ := strconv.Atoi(q.Get("continuation-token"))
	to := min(from+1000, l.n)
	prefix := "data/"
	stamp := l.when.Format("2006-01-02T15:04:05.000Z")
	if q.Get("delimiter") == "/" && q.Get("prefix") == prefix {
		dirs := (l.n + 999) / 1000
		to = min(from+1000, dirs)
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "<CommonPrefixes><Prefix>%sd%04d/</Prefix></CommonPrefixes>", prefix, i)
		}
		l.n = dirs
	} else {
		if p := q.Get("prefix"); len(p) == len("data/d0000/") {
			d, _ := strconv.Atoi(p[len("data/d") : len(p)-1])
			from, to = d*1000, min(d*1000+1000, l.n)
			l.n = to
		}
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, `<Contents><Key>%s%s</Key><LastModified>%s</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size><StorageClass>STANDARD</StorageClass></Contents>`, prefix, name(i), stamp)
		}
	}
	if to < l.n {
		fmt.Fprintf(&b, "<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>", to)
	} else {
		b.WriteString("<IsTruncated>false</IsTruncated>")
	}
	b.WriteString("</ListBucketResult>")
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes())
}

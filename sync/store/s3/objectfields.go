package s3

import (
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// onlyCopies is the form of options that a job does not have.
var onlyCopies = store.Form{Copies: true}

// objectFields say what new objects are made with, and what requests tell the bucket.
var objectFields = store.Fields[Options]{
	{Name: "sse", Arg: "KIND", Usage: "have S3 encrypt new objects by KIND: AES256, aws:kms or aws:kms:dsse", Form: store.Form{Alone: []string{"AES256", "aws:kms", "aws:kms:dsse"}},
		Set: objectChoice("X-Amz-Server-Side-Encryption", "AES256", "aws:kms", "aws:kms:dsse")},
	{Name: "sse-kms-key-id", Arg: "KEY", Usage: "have KMS encrypt them with KEY", Set: objectHeader("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")},
	{Name: "storage-class", Arg: "CLASS", Usage: "store new objects as CLASS, such as STANDARD_IA or INTELLIGENT_TIERING",
		Set: objectChoice("X-Amz-Storage-Class", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "EXPRESS_ONEZONE", "OUTPOSTS", "SNOW")},
	{Name: "acl", Arg: "ACL", Usage: "give new objects the canned ACL, such as bucket-owner-full-control",
		Set: objectChoice("X-Amz-Acl", "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write")},
	{Name: "request-payer", Arg: "WHO", Usage: "tell the bucket WHO pays: requester", Form: store.Form{Alone: []string{"requester"}},
		Set: func(o *Options, v string) error {
			set(&o.Headers.any, "X-Amz-Request-Payer", v)
			return oneOf(v, "requester")
		}},
	{Name: "grants", Arg: "PERMISSION=GRANTEE", Usage: "grant read, readacl, writeacl or full as PERMISSION=GRANTEE (several may follow)", Form: store.Form{Copies: true, Many: true}, Set: setGrants},
	{Name: "sse-c", Arg: "KIND", Usage: "encrypt with the key of --sse-c-key, by KIND: AES256", Form: store.Form{Copies: true, Alone: []string{"AES256"}},
		Set: func(o *Options, v string) error {
			set(&o.Headers.key, customerKey+"Algorithm", v)
			return oneOf(v, "AES256")
		}},
	{Name: "sse-c-key", Arg: "KEY", Usage: "the customer's KEY of 32 bytes, or fileb://FILE that has it", Form: onlyCopies, Set: setKey(customerKey, func(o *Options) *http.Header { return &o.Headers.key })},
	{Name: "sse-c-copy-source", Arg: "KIND", Usage: "what the source of a copy is encrypted by, with the key of --sse-c-copy-source-key, is of KIND: AES256", Form: store.Form{Copies: true, Alone: []string{"AES256"}},
		Set: func(o *Options, v string) error {
			set(&o.Headers.source, sourceKey+"Algorithm", v)
			return oneOf(v, "AES256")
		}},
	{Name: "sse-c-copy-source-key", Arg: "KEY", Usage: "the KEY of a copy's source", Form: onlyCopies, Set: setKey(sourceKey, func(o *Options) *http.Header { return &o.Headers.source })},
	{Name: "website-redirect", Arg: "LOCATION", Usage: "redirect readers of the website to LOCATION", Form: onlyCopies, Set: objectHeader("X-Amz-Website-Redirect-Location")},
	{Name: "content-type", Arg: "TYPE", Usage: "the TYPE of new objects, in place of a guess", Form: onlyCopies, Set: objectHeader("Content-Type")},
	{Name: "cache-control", Arg: "TEXT", Usage: "the header TEXT of new objects", Form: onlyCopies, Set: objectHeader("Cache-Control")},
	{Name: "content-disposition", Arg: "TEXT", Usage: "the header TEXT of new objects", Form: onlyCopies, Set: objectHeader("Content-Disposition")},
	{Name: "content-encoding", Arg: "TEXT", Usage: "the header TEXT of new objects", Form: onlyCopies, Set: objectHeader("Content-Encoding")},
	{Name: "content-language", Arg: "TEXT", Usage: "the header TEXT of new objects", Form: onlyCopies, Set: objectHeader("Content-Language")},
	{Name: "expires", Arg: "TIME", Usage: "the TIME after which caches forget new objects", Form: onlyCopies, Set: setExpires},
	{Name: "metadata", Arg: "KEY=VALUE[,…]", Usage: "metadata of new objects: KEY=VALUE[,…] or JSON", Form: onlyCopies, Set: setMetadata},
	{Name: "metadata-directive", Arg: "COPY|REPLACE", Usage: "whether a copy keeps its source's metadata: COPY|REPLACE", Form: onlyCopies,
		Set: func(o *Options, v string) error { o.Directive = v; return oneOf(v, "COPY", "REPLACE") }},
	{Name: "copy-props", Arg: "PROPS", Usage: "what a copy keeps of its source, PROPS: none, metadata-directive (no tags) or default", Form: onlyCopies,
		Set: func(o *Options, v string) error {
			o.CopyProps = v
			return oneOf(v, "none", "metadata-directive", "default")
		}},
	{Name: "checksum-algorithm", Arg: "ALGORITHM", Usage: "have S3 keep a checksum by ALGORITHM: CRC64NVME, CRC32, CRC32C, SHA1 or SHA256", Form: onlyCopies, Set: setAlgorithm},
	{Name: "checksum-mode", Arg: "ENABLED", Usage: "ENABLED: verify downloads, which ferry always does", Form: onlyCopies, Set: func(_ *Options, v string) error { return oneOf(v, "ENABLED") }},
	{Name: "page-size", Arg: "N", Usage: "ask for N objects in each page of a listing (1000)", Form: onlyCopies,
		Set: func(o *Options, v string) (err error) {
			if o.PageSize, err = strconv.Atoi(v); err != nil || o.PageSize < 1 || o.PageSize > 1000 {
				return fmt.Errorf("%q is not a number from 1 to 1000", v)
			}
			return nil
		}},
}

// What the names of headers with a customer's key begin with, of an object and of a copy's source.
const (
	customerKey = "X-Amz-Server-Side-Encryption-Customer-"
	sourceKey   = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
)

// oneOf is an error where v is not one of all.
func oneOf(v string, all ...string) error {
	if slices.Contains(all, v) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", v, strings.Join(all, ", "))
}

// objectHeader sets a header of new objects.
func objectHeader(name string) func(*Options, string) error {
	return func(o *Options, v string) error {
		set(&o.Headers.object, name, v)
		return headerValue(v)
	}
}

// objectChoice sets it to one of all.
func objectChoice(name string, all ...string) func(*Options, string) error {
	return func(o *Options, v string) error {
		set(&o.Headers.object, name, v)
		return oneOf(v, all...)
	}
}

// headerValue is an error where v cannot be sent. An empty one would not be sent.
func headerValue(v string) error {
	if v == "" || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
		return fmt.Errorf("%q is no text of printable ASCII", v)
	}
	return nil
}

// grants are the headers of the AWS CLI's words.
var grants = map[string]string{"read": "X-Amz-Grant-Read", "full": "X-Amz-Grant-Full-Control", "readacl": "X-Amz-Grant-Read-Acp", "writeacl": "X-Amz-Grant-Write-Acp"}

func setGrants(o *Options, v string) error {
	for one := range strings.SplitSeq(v, "\n") {
		permission, grantee, ok := strings.Cut(one, "=")
		if !ok || grantee == "" {
			return fmt.Errorf("%q is not of the form PERMISSION=GRANTEE", one)
		}
		name, ok := grants[permission]
		if !ok {
			return fmt.Errorf("%q is none of read, readacl, writeacl, full", permission)
		}
		if err := headerValue(grantee); err != nil {
			return err
		}
		set(&o.Headers.object, name, grantee)
	}
	return nil
}

// keyLength is that of AES256, in bytes.
const keyLength = 32

// setKey sets the headers with a customer's key.
func setKey(prefix string, group func(*Options) *http.Header) func(*Options, string) error {
	return func(o *Options, v string) error {
		key := []byte(v)
		if name, ok := fileOf(v); ok {
			var err error
			if key, err = bounded.File(name, bounded.Small); err != nil {
				return err
			}
		}
		if len(key) != keyLength {
			return fmt.Errorf("the key has %d bytes, and %d are wanted", len(key), keyLength) // the key itself is a secret
		}
		sum := md5.Sum(key)
		set(group(o), prefix+"Key", base64Of(key))
		set(group(o), prefix+"Key-Md5", base64Of(sum[:]))
		return nil
	}
}

// fileOf is the file that a value names, in the form of the AWS CLI.
func fileOf(v string) (string, bool) {
	if name, ok := strings.CutPrefix(v, "fileb://"); ok {
		return name, true
	}
	return strings.CutPrefix(v, "file://")
}

// setExpires reads what the AWS CLI reads: a date, a time, or seconds since the epoch.
func setExpires(o *Options, v string) error {
	t, err := http.ParseTime(v)
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if err != nil {
			t, err = time.Parse(form, v)
		}
	}
	if err != nil {
		var n int64
		if n, err = strconv.ParseInt(v, 10, 64); err != nil {
			return fmt.Errorf("%q is no time such as 2030-01-31T12:00:00Z", v)
		}
		t = time.Unix(n, 0)
	}
	set(&o.Headers.object, "Expires", t.UTC().Format(http.TimeFormat))
	return nil
}

// setMetadata reads KEY=VALUE,KEY=VALUE or a JSON object.
func setMetadata(o *Options, v string) error {
	all := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(v), "{") {
		if err := json.Unmarshal([]byte(v), &all); err != nil {
			return fmt.Errorf("no JSON object of strings: %w", err)
		}
	} else {
		for one := range strings.SplitSeq(v, ",") {
			key, value, ok := strings.Cut(one, "=")
			if !ok || key == "" {
				return fmt.Errorf("%q is not of the form KEY=VALUE", one)
			}
			all[key] = value
		}
	}
	for key, value := range all {
		if strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c) }) {
			return fmt.Errorf("%q is no name of metadata", key)
		}
		if value != "" {
			if err := headerValue(value); err != nil {
				return err
			}
		}
		set(&o.Headers.object, "X-Amz-Meta-"+key, value)
		o.HasMeta = true
	}
	return nil
}

func setAlgorithm(o *Options, v string) error {
	switch v {
	case "SHA512", "XXHASH64", "XXHASH3", "XXHASH128":
		return fmt.Errorf("ferry cannot make %s; it makes CRC64NVME, CRC32, CRC32C, SHA1 and SHA256", v)
	}
	o.Algorithm = checksum.Algorithm(strings.ToLower(v))
	if v != strings.ToUpper(v) || checksum.New(o.Algorithm) == nil {
		return fmt.Errorf("%q is none of CRC64NVME, CRC32, CRC32C, SHA1, SHA256", v)
	}
	return nil
}

// check says what is wrong with options that are right each by itself.
func (o *Options) check() error {
	for _, group := range []struct {
		prefix, name string
		headers      http.Header
	}{{customerKey, "--sse-c", o.Headers.key}, {sourceKey, "--sse-c-copy-source", o.Headers.source}} {
		algorithm, key := group.headers.Get(group.prefix+"Algorithm"), group.headers.Get(group.prefix+"Key")
		if (algorithm == "") != (key == "") {
			return errors.New(group.name + " and " + group.name + "-key go together")
		}
	}
	return nil
}

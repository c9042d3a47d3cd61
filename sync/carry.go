package sync

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/checksum"
)

// carried is the size of the largest object that is held in memory on its way from one kind of store to another, in bytes.
const carried = 8 << 20

// carry reads an object from one store and puts it into another one of another kind, verified in both.
func (c *copies) carry(o store.Object, key string, slot func(context.Context) (func(), error)) error {
	t := c.t
	r, err := t.st.Open(t.ctx, o.Key, store.OpenOptions{ETag: o.ETag})
	if err != nil {
		return err
	}
	defer r.Close()
	opts := store.PutOptions{Meta: r.Meta, ContentType: t.o.Manner.contentType(o.Key), Sent: t.moved, Parallel: 1 + extraParts, Slot: slot}
	body := verifying(r, t.st.URL(o.Key))
	if r.Size >= 0 && r.Size <= carried {
		b := make([]byte, r.Size)
		if _, err := io.ReadFull(body, b); err != nil {
			return err
		}
		if err := body.verify(); err != nil {
			return err
		}
		_, err := c.dst.Put(t.ctx, key, store.Body{Bytes: b}, opts)
		return err
	}
	s, ok := c.dst.(store.Streamer)
	if !ok {
		return fmt.Errorf("writing %s: the store takes nothing of %d bytes from another one", strconv.Quote(c.dst.URL(key)), r.Size)
	}
	_, err = s.PutStream(t.ctx, key, body, max(r.Size, 0), opts)
	return err
}

// A verified reads an object, and fails at its end where it is not what its checksum says. So nothing made of it is ever finished.
type verified struct {
	r    *store.Reader
	url  string
	hash hash.Hash
}

func verifying(r *store.Reader, url string) *verified {
	v := &verified{r: r, url: url, hash: checksum.New(r.Sum.Algorithm)}
	if v.hash == nil {
		v.hash = noHash{}
	}
	return v
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	if err == io.EOF {
		if bad := v.verify(); bad != nil {
			err = bad
		}
	}
	return n, err
}

// verify is an error where what was read is not what the checksum says.
func (v *verified) verify() error {
	if v.r.Sum.Algorithm == checksum.None || base64.StdEncoding.EncodeToString(v.hash.Sum(nil)) == v.r.Sum.Value {
		return nil
	}
	return fmt.Errorf("reading %s: %w", strconv.Quote(v.url), mismatch(v.r))
}

package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"
)

// An Algorithm has the name of S3 in lower case, with which the headers x-amz-checksum-… end.
type Algorithm string

// The algorithms. The CRC of a whole can be made from the CRCs of its parts.
const (
	None      Algorithm = ""
	CRC32     Algorithm = "crc32"
	CRC32C    Algorithm = "crc32c"
	CRC64NVME Algorithm = "crc64nvme"
	SHA1      Algorithm = "sha1"
	SHA256    Algorithm = "sha256"
	SHA512    Algorithm = "sha512"
	MD5       Algorithm = "md5"
	XXHash64  Algorithm = "xxhash64"
	XXHash3   Algorithm = "xxhash3"
	XXHash128 Algorithm = "xxhash128"
)

// Algorithms are all known ones, the cheapest to verify first.
var Algorithms = []Algorithm{CRC32C, CRC32, CRC64NVME, XXHash3, XXHash128, XXHash64, MD5, SHA1, SHA256, SHA512}

// A Sum is the checksum of a whole object. The zero Sum means that none is known.
type Sum struct {
	Algorithm Algorithm
	Value     string // base64 of the big-endian bytes, as in the headers
}

// A Composite is the checksum of the checksums of an object's parts: of those with Sizes bytes, and then of others that all have PartSize
// bytes but for the last.
type Composite struct {
	Sum
	Sizes    []int64
	PartSize int64
}

// OfReader is the Composite's sum of what r has: size bytes.
func (c Composite) OfReader(r io.ReaderAt, size int64) (Sum, error) {
	whole, part := New(c.Algorithm), New(c.Algorithm)
	for off, i := int64(0), 0; off < size; i++ {
		n := min(c.PartSize, size-off)
		if i < len(c.Sizes) {
			n = min(c.Sizes[i], size-off)
		}
		part.Reset()
		if err := feed(part, r, off, n); err != nil {
			return Sum{}, err
		}
		whole.Write(part.Sum(nil))
		off += n
	}
	return Sum{c.Algorithm, base64.StdEncoding.EncodeToString(whole.Sum(nil))}, nil
}

// buffers are what feed reads into. io.Copy would make one for each object, twice as large as most objects are.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// feed writes n bytes of r to h.
func feed(h hash.Hash, r io.ReaderAt, off, n int64) error {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	_, err := io.CopyBuffer(h, io.NewSectionReader(r, off, n), buf[:])
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// New makes a hash for the algorithm. It is nil for None and for an unknown algorithm.
func New(a Algorithm) hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(castagnoli)
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	case MD5:
		return md5.New()
	case XXHash64:
		return xxhash.New()
	case XXHash3:
		return xxh3.New()
	case XXHash128:
		return xxh3.New128()
	}
	return nil
}

// Of is the sum of b. For None it is the zero Sum.
func Of(a Algorithm, b []byte) Sum {
	switch a {
	case CRC32:
		return FromCRC(a, uint64(crc32.ChecksumIEEE(b)))
	case CRC32C:
		return FromCRC(a, uint64(crc32.Checksum(b, castagnoli)))
	case CRC64NVME:
		return FromCRC(a, crc64nvme.Checksum(b))
	}
	h := New(a)
	if h == nil {
		return Sum{}
	}
	h.Write(b)
	return Sum{a, base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

// OfReader is the sum of what r has: size bytes.
func OfReader(a Algorithm, r io.ReaderAt, size int64) (Sum, error) {
	h := New(a)
	if err := feed(h, r, 0, size); err != nil {
		return Sum{}, err
	}
	return Sum{a, base64.StdEncoding.EncodeToString(h.Sum(nil))}, nil
}

// Combines reports whether Update and Combine know the algorithm.
func (a Algorithm) Combines() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// Update is the CRC of the bytes that crc stands for, followed by b. The CRC of no bytes is 0.
func Update(a Algorithm, crc uint64, b []byte) uint64 {
	switch a {
	case CRC32:
		return uint64(crc32.Update(uint32(crc), crc32.IEEETable, b))
	case CRC32C:
		return uint64(crc32.Update(uint32(crc), castagnoli, b))
	case CRC64NVME:
		return crc64nvme.Update(crc, b)
	}
	return 0
}

// FromCRC is the Sum with the value crc.
func FromCRC(a Algorithm, crc uint64) Sum {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], crc)
	v := b[:]
	if a != CRC64NVME {
		v = b[4:]
	}
	return Sum{a, base64.StdEncoding.EncodeToString(v)}
}

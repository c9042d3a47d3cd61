package checksum

import "hash/crc32"

// crc64NVME is the polynomial of CRC-64/NVME, reflected. minio/crc64nvme does not export it. Source: NVM Express Command Set
// Specification, section 5.2.1.3.4.
const crc64NVME = 0x9a6c9329ac4bc9b5

// Combine is the CRC of a whole of two parts. first and second are the CRCs of the parts, and n is the length of the second in bytes.
//
// Appending n bytes multiplies the CRC of what is before by x^(8n), in GF(2)[x] modulo the CRC's polynomial. All three CRCs invert
// their bits at the beginning and at the end, and these inversions cancel out.
func Combine(a Algorithm, first, second uint64, n int64) uint64 {
	f := field{poly: crc64NVME, top: 1 << 63}
	switch a {
	case CRC32:
		f = field{poly: crc32.IEEE, top: 1 << 31}
	case CRC32C:
		f = field{poly: crc32.Castagnoli, top: 1 << 31}
	}
	return f.mul(first, f.power(8*uint64(n))) ^ second
}

// A field is polynomials over GF(2) modulo one, in reflected order: the highest bit is the coefficient of x^0.
type field struct{ poly, top uint64 }

func (f field) mul(a, b uint64) uint64 {
	var p uint64
	for ; a != 0; a = a << 1 & (f.top<<1 - 1) {
		if a&f.top != 0 {
			p ^= b
		}
		if b&1 != 0 { // b = b*x
			b = b>>1 ^ f.poly
		} else {
			b >>= 1
		}
	}
	return p
}

// power is x^n, by squaring.
func (f field) power(n uint64) uint64 {
	p, x := f.top, f.top>>1
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			p = f.mul(p, x)
		}
		x = f.mul(x, x)
	}
	return p
}

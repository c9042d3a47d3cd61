package checksum

import (
	"math/rand/v2"
	"testing"
)

// The check values are those of the catalogue of parametrised CRC algorithms for "123456789".
func TestKnownValues(t *testing.T) {
	for a, want := range map[Algorithm]uint64{CRC32: 0xcbf43926, CRC32C: 0xe3069283, CRC64NVME: 0xae8b14860a799888} {
		b := []byte("123456789")
		if got := Update(a, 0, b); got != want {
			t.Errorf("%s = %x, want %x", a, got, want)
		}
		if Of(a, b) != FromCRC(a, want) {
			t.Errorf("%s: Of and FromCRC differ", a)
		}
	}
}

func TestCombine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for range 200 {
			b := make([]byte, r.IntN(5000))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			cut := r.IntN(len(b) + 1)
			got := Combine(a, Update(a, 0, b[:cut]), Update(a, 0, b[cut:]), int64(len(b)-cut))
			if want := Update(a, 0, b); got != want {
				t.Fatalf("%s of %d+%d bytes = %x, want %x", a, cut, len(b)-cut, got, want)
			}
		}
	}
}

func TestHashesAgree(t *testing.T) {
	b := []byte("some bytes")
	for _, a := range Algorithms {
		h := New(a)
		h.Write(b)
		if a.Combines() {
			var v uint64
			for _, c := range h.Sum(nil) {
				v = v<<8 | uint64(c)
			}
			if FromCRC(a, v) != Of(a, b) {
				t.Errorf("%s: the hash and Of differ", a)
			}
		}
	}
	if New("md4") != nil || Of("md4", b) != (Sum{}) {
		t.Error("an unknown algorithm has a hash")
	}
}

package apptainer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A SIF file has a header, a table of descriptors, and what they describe. https://github.com/apptainer/sif has the format.

// errNotSIF is the error of a file that is none.
var errNotSIF = errors.New("no SIF file")

type sifHeader struct {
	Launch   [32]byte
	Magic    [10]byte
	Version  [3]byte
	Arch     [3]byte
	ID       [16]byte
	Created  int64
	Modified int64
	Free     int64
	Total    int64
	TableAt  int64
	TableLen int64
	DataAt   int64
	DataLen  int64
}

type sifDescriptor struct {
	Type     int32
	Used     bool
	ID       uint32
	Group    uint32
	Link     uint32
	Offset   int64
	Size     int64
	Padded   int64
	Created  int64
	Modified int64
	UID      int64
	GID      int64
	Name     [128]byte
	Extra    [384]byte
}

const (
	sifMagic = "SIF_MAGIC\x00"
	// sifDescriptors bounds the table: Apptainer makes 48.
	sifDescriptors = 4096
	sifPartition   = 0x4004
	sifJSON        = 0x4006
	sifSystem      = 2 // the kind of partition that a container runs in
	sifSmall       = 4 << 20
)

// sifArchs are the names of architectures, by the code in a partition's descriptor.
var sifArchs = map[string]string{"01": "386", "02": "amd64", "03": "arm", "04": "arm64", "05": "ppc64", "06": "ppc64le", "11": "riscv64", "10": "s390x"}

// A sif is what ferry needs to know of a SIF file.
type sif struct {
	id       string
	system   int64 // where the root file system is, a squashfs
	platform string
	config   ociConfig
	labels   map[string]string
	size     int64
}

// ociConfig is the configuration of the OCI image that a SIF was made of.
type ociConfig struct {
	User       string
	Env        []string
	Entrypoint []string
	Cmd        []string
	WorkingDir string
	Labels     map[string]string
}

// readSIF reads a SIF file's header and the small things in it.
func readSIF(file string) (sif, error) {
	f, err := os.Open(file)
	if err != nil {
		return sif{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return sif{}, err
	}
	var h sifHeader
	if err := binary.Read(f, binary.LittleEndian, &h); err != nil || string(h.Magic[:]) != sifMagic {
		return sif{}, fmt.Errorf("%q: %w", file, errNotSIF)
	}
	if h.Total < 0 || h.Total > sifDescriptors {
		return sif{}, fmt.Errorf("%q: %w: a table of %d descriptors", file, errNotSIF, h.Total)
	}
	s := sif{id: "sif:" + hex.EncodeToString(h.ID[:]), system: -1, size: st.Size()}
	table := make([]sifDescriptor, h.Total)
	in := io.NewSectionReader(f, h.TableAt, int64(binary.Size(table)))
	if err := binary.Read(in, binary.LittleEndian, table); err != nil {
		return sif{}, fmt.Errorf("%q: %w: its table: %w", file, errNotSIF, err)
	}
	for _, d := range table {
		if !d.Used {
			continue
		}
		switch d.Type {
		case sifPartition:
			if binary.LittleEndian.Uint32(d.Extra[4:8]) == sifSystem {
				s.system = d.Offset
				if arch := sifArchs[text(d.Extra[8:11])]; arch != "" {
					s.platform = "linux/" + arch
				}
			}
		case sifJSON:
			s.read(f, d)
		}
	}
	if s.system < 0 {
		return sif{}, fmt.Errorf("%q: %w: it has no root file system", file, errNotSIF)
	}
	return s, nil
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// read reads the metadata that Apptainer keeps in a SIF. What cannot be read is not known.
func (s *sif) read(f *os.File, d sifDescriptor) {
	if d.Size < 0 || d.Size > sifSmall {
		return
	}
	data := make([]byte, d.Size)
	if _, err := f.ReadAt(data, d.Offset); err != nil {
		return
	}
	switch text(d.Name[:]) {
	case "oci-config.json":
		_ = json.Unmarshal(data, &s.config)
	case "inspect-metadata.json":
		var m struct {
			Data struct {
				Attributes struct {
					Labels map[string]string `json:"labels"`
				} `json:"attributes"`
			} `json:"data"`
		}
		if json.Unmarshal(data, &m) == nil {
			s.labels = m.Data.Attributes.Labels
		}
	}
}

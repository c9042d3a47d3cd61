package testenv

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ForeignImage makes an image whose shells are programs for another processor, such as "linux/arm64", and returns its reference and that
// platform. The programs are no more than what a kernel looks at first. The image is removed when the test ends.
func ForeignImage(t testing.TB) (ref, platform string) {
	t.Helper()
	platform, program := Foreign(t)
	return ImageFor(t, platform, map[string][]byte{"bin/sh": program, "bin/bash": program, "bin/true": program}), platform
}

// Foreign is a platform that is not this machine's, and a program for it.
func Foreign(t testing.TB) (platform string, program []byte) {
	t.Helper()
	platform, machine := "linux/arm64", elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		platform, machine = "linux/amd64", elf.EM_X86_64
	}
	return platform, foreignProgram(t, machine)
}

// ImageFor makes an image that says that it is for a platform, of programs by path without a leading slash, and returns its reference. The image
// is removed when the test ends.
func ImageFor(t testing.TB, platform string, programs map[string][]byte) (ref string) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for name, program := range programs {
		err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))})
		if err == nil {
			_, err = w.Write(program)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ref = fmt.Sprintf("ferry-test/foreign:%d-%d-%d", os.Getpid(), time.Now().UnixNano(), derived.Add(1))
	DockerCommand(t, foreignArchive(t, ref, strings.TrimPrefix(platform, "linux/"), layer.Bytes()), "load", "-q")
	t.Cleanup(func() { DockerCommand(t, nil, "rmi", "-f", ref) })
	return ref
}

// foreignArchive is an archive of an image of one layer, as docker load takes it.
func foreignArchive(t testing.TB, ref, architecture string, layer []byte) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	config := fmt.Sprintf(`{"architecture":%q,"os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`, architecture, sha256.Sum256(layer))
	manifest := fmt.Sprintf(`[{"Config":"config.json","RepoTags":[%q],"Layers":["layer.tar"]}]`, ref)
	for _, f := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer}, {"config.json", []byte(config)}, {"manifest.json", []byte(manifest)}} {
		err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.data))})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}

// foreignProgram is an ELF header and one segment, for a machine.
func foreignProgram(t testing.TB, machine elf.Machine) []byte {
	t.Helper()
	const size = 64 + 56
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Entry: 0x400000 + size, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: 0x400000, Paddr: 0x400000, Filesz: size, Memsz: size, Align: 0x1000}
	var b bytes.Buffer
	for _, part := range []any{header, segment} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

package wrapper

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/genepattern/ferry/engine"
)

// nothings are programs that end with 0 at once, by the processor they are for.
var nothings = map[elf.Machine][]byte{
	elf.EM_X86_64:  {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},                  // mov eax, 60; xor edi, edi; syscall
	elf.EM_AARCH64: {0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 0x01, 0, 0, 0xd4}, // mov x8, 93; mov x0, 0; svc 0
}

// nothingPath is where a container has such a program that is to try whether the node runs it.
const nothingPath = "/.ferry-try"

// nothing is the program for a processor; nil where there is none.
func nothing(machine elf.Machine) []byte {
	code, ok := nothings[machine]
	if !ok {
		return nil
	}
	const head, base = 64 + 56, 0x400000
	size := uint64(head + len(code))
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Entry: base + head, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	p := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 0x1000}
	var b bytes.Buffer
	for _, part := range []any{h, p, code} {
		_ = binary.Write(&b, binary.LittleEndian, part) // into memory
	}
	return b.Bytes()
}

// machineOf is the processor that a file of the container is for; false where it is no program of 64 bits, such as a script.
func (m *module) machineOf(ctx context.Context, p string) (elf.Machine, bool) {
	files, ok := engine.CopierOf(m.container)
	if !ok || !path.IsAbs(p) {
		return 0, false
	}
	at, err := resolve(ctx, files, p)
	if err != nil {
		return 0, false
	}
	r, err := files.CopyOut(ctx, at)
	if err != nil {
		return 0, false
	}
	defer func() { _ = r.Close() }()
	t := tar.NewReader(r)
	head := make([]byte, 20)
	if _, err := t.Next(); err != nil {
		return 0, false
	}
	if _, err := io.ReadFull(t, head); err != nil || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) || head[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return 0, false
	}
	return elf.Machine(binary.LittleEndian.Uint16(head[18:])), true
}

// errCannotTry says that nobody knows whether a program would run.
var errCannotTry = errors.New("its programs may not run here")

// tryForeign is nil where the node runs programs like the module's own, which is in an image without a shell. The module's program itself is
// not tried: it may do something. errCannotTry.
func (m *module) tryForeign(ctx context.Context, spec engine.Spec) error {
	machine, ok := m.machineOf(ctx, spec.Command[0])
	program := nothing(machine)
	if !ok || program == nil {
		return errCannotTry
	}
	c, err := m.engine.Create(ctx, engine.Spec{Name: spec.Name + "-try", Image: spec.Image, Command: []string{nothingPath},
		User: spec.User, Network: "none", Workdir: "/", Labels: spec.Labels})
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotTry, err)
	}
	defer func() { _ = c.Remove(ctx) }()
	files, ok := engine.CopierOf(c)
	if !ok {
		return errCannotTry
	}
	var archive bytes.Buffer
	t := tar.NewWriter(&archive)
	err = t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(nothingPath, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = t.Write(program)
	}
	if err = errors.Join(err, t.Close()); err == nil {
		err = files.CopyIn(ctx, "/", &archive)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotTry, err)
	}
	if err := c.Start(ctx, io.Discard, io.Discard); err != nil {
		return err
	}
	exit, err := c.Wait(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errCannotTry, err)
	case exit.Code != 0:
		return fmt.Errorf("%s is a program for %v", spec.Command[0], machine)
	}
	return nil
}

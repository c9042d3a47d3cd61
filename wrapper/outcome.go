package wrapper

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// settle makes an outcome the job's: in the record, in the exit code file and in stderr.txt.
func (a *attempt) settle(out Outcome) {
	a.settled = true
	a.rec.conclude(out)
	if exit := a.ended(); exit != nil {
		a.note(path.Join(a.MetadataDir, codeName), strconv.Itoa(exit.Code)+"\n")
	}
	if n, ok := a.ownExitCode(); !ok || n != out.Code {
		a.note(a.Files.ExitCode, string(exitFile(out.Code)))
	}
	if out.Cause != cause.None {
		a.tellUser(out)
	}
}

// tellUser appends the reason to the module's stderr.txt, the one file that every user of a server looks into.
func (a *attempt) tellUser(out Outcome) {
	name := inRoot(a.Files.Stderr)
	if st, err := a.root.Lstat(name); err != nil || !st.Mode().IsRegular() {
		a.note(a.Files.Stderr, string(reasonLine(out)))
		return
	}
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(reasonLine(out))
		f.Close()
	}
	if err != nil {
		a.warn("writing %s: %v", a.Files.Stderr, err)
	}
}

// note writes a small file of the outcome. What cannot be written is a warning: the record says it too.
func (a *attempt) note(p, text string) {
	if err := a.writeFile(p, []byte(text)); err != nil {
		a.warn("writing %s: %v", p, err)
	}
}

// judge decides what the job's outcome is.
func (a *attempt) judge(failed error, exit *engine.Exit, diskFull bool) Outcome {
	if exit != nil {
		a.recordExit(exit)
	}
	if failed != nil {
		return outcomeOf(failed)
	}
	if exit == nil {
		return outcomeOf(cause.Fail(cause.Internal, "please report this", "the module's end was never seen"))
	}
	code, own := a.ownExitCode()
	if !own {
		code = exit.Code
	}
	switch {
	case exit.Lost && !own:
		return outcomeOf(cause.Fail(cause.Engine, "try again",
			"the engine went away while the module ran, and says since that it ended with %d", exit.Code))
	case !exit.OOMKilled && code != 0 && diskFull:
		return Outcome{Code: code, Cause: cause.Disk, Err: cause.Fail(cause.Disk, "give the node more space, or the job another --local-prefix",
			"the module ended with %d, and left no space in %s", code, a.LocalPrefix)}
	case !exit.OOMKilled && code == 0 && !own && a.wroteExitFile():
		// exec.sh of a server always ends with 0, whatever became of the module: without its file nobody knows.
		return outcomeOf(a.noCode(diskFull))
	case !exit.OOMKilled:
		return Outcome{Code: code}
	}
	if code == 0 && own {
		a.warn("a process of the module was killed for memory, but the module reports success")
		return Outcome{}
	}
	if code == 0 {
		code = cause.OOM.Code()
	}
	return Outcome{Code: code, Cause: cause.OOM,
		Err: cause.Fail(cause.OOM, "give it more --memory", "the module was killed for memory, its limit being %d bytes", a.limits().Memory)}
}

// wroteExitFile says that a file of this run is where the exit code belongs.
func (a *attempt) wroteExitFile() bool {
	st, err := a.root.Lstat(inRoot(a.Files.ExitCode))
	return err == nil && st.Mode().IsRegular()
}

// noCode is the failure of a script that began to write its exit code and did not end doing so.
func (a *attempt) noCode(diskFull bool) error {
	if diskFull {
		return cause.Fail(cause.Disk, "give the node more space, or the job another --local-prefix",
			"the module left no space in %s, and no whole exit code in %s", a.LocalPrefix, a.Files.ExitCode)
	}
	return cause.Fail(cause.Launch, "was the disk full for a while?", "%s ended without a whole exit code in %s", a.Exec, a.Files.ExitCode)
}

func (a *attempt) recordExit(exit *engine.Exit) {
	peak, last := a.usage.get()
	code, own := a.ownExitCode()
	if !own {
		code = exit.Code
	}
	a.rec.edit(func(r *Record) {
		r.Exit = &RecordExit{Code: code, Container: exit.Code, Signal: signalOf(exit.Code), OOM: exit.OOMKilled, PeakMemory: peak,
			CPUSeconds: last.CPUSeconds, Started: exit.Started, Finished: exit.Finished}
	})
}

// exitFileMax bounds what is read of an exit code file, which a module may write.
const exitFileMax = 1 << 20

// ownExitCode is the code in the exit code file. Whatever is there was written in this run: an earlier attempt's was left
// in the store. The file may hold several objects, one appended after the other, and the last whole one counts.
func (a *attempt) ownExitCode() (int, bool) {
	st, err := a.root.Stat(inRoot(a.Files.ExitCode))
	if err != nil || !st.Mode().IsRegular() {
		return 0, false
	}
	f, err := a.root.Open(inRoot(a.Files.ExitCode))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, exitFileMax))
	if err != nil {
		return 0, false
	}
	return parseExitCode(data)
}

// parseExitCode is the last exit code in data; a half-written object at its end makes all of it count for nothing.
func parseExitCode(data []byte) (code int, found bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var v struct {
			Code *int `json:"exit_code"`
		}
		switch err := dec.Decode(&v); {
		case errors.Is(err, io.EOF):
			return code, found
		case err != nil || v.Code == nil || *v.Code < 0 || *v.Code > 255:
			return 0, false
		}
		code, found = *v.Code, true
	}
}

// withStageOut adds a failed stage out to the outcome: the module's own failure stays the outcome's.
func (a *attempt) withStageOut(out Outcome, err error) Outcome {
	if out.Code != 0 {
		a.warn("staging out: %s", strings.TrimSpace(err.Error()))
		return out
	}
	return outcomeOf(err)
}

package schedulertest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit"
)

func ends(t *testing.T, r Rig) {
	for code, want := range map[int]scheduler.Phase{0: scheduler.Succeeded, 7: scheduler.Failed} {
		task := r.task(map[int]string{0: "exit-0", 7: "exit-7"}[code])
		id := r.submit(t, task)
		if found, err := r.Scheduler.Find(t.Context(), task.Name); err != nil || found != id {
			t.Errorf("found %q, %v; want %q", found, err, id)
		}
		rep := r.until(t, id, nil, "ended", ended)
		if rep.Phase != want {
			t.Errorf("code %d: it is %s", code, rep.Phase)
		}
		if r.Codes && (rep.Code == nil || *rep.Code != code) {
			t.Errorf("its code is %v, want %d", rep.Code, code)
		}
		if rep.Ended.IsZero() || rep.Reclaims != 0 {
			t.Errorf("it says %+v", rep)
		}
	}
}

func unknown(t *testing.T, r Rig) {
	ctx := t.Context()
	name := submit.NewName()
	_, err := r.Scheduler.Find(ctx, name)
	isUnknown(t, "find", err)
	for _, id := range []string{name, "7777777", "00000000-0000-0000-0000-000000000000", ""} {
		_, err = r.Scheduler.Look(ctx, id, nil)
		isUnknown(t, "look", err)
		isUnknown(t, "cancel", r.Scheduler.Cancel(ctx, id))
	}
}

func cancelRunning(t *testing.T, r Rig) {
	id := r.submit(t, r.task("until-term"))
	r.there(t, "until-term.begun")
	r.until(t, id, nil, "running", running)
	for range 2 { // idempotent
		if err := r.Scheduler.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if rep := r.until(t, id, nil, "ended", ended); rep.Phase != scheduler.Failed {
		t.Errorf("it is %s", rep.Phase)
	}
	r.there(t, "until-term.ended") // so the process got a signal that it could catch
}

func cancelWaiting(t *testing.T, r Rig) {
	if r.Busy == nil {
		t.Log("a single task never waits here; a child of an array does")
		return
	}
	done := r.Busy(t)
	defer done()
	id := r.submit(t, r.task("touch-waited"))
	rep := r.until(t, id, nil, "waiting, with a reason", func(p scheduler.Report) bool { return p.Phase == scheduler.Waiting && p.Why != "" })
	t.Logf("it waits: %s", rep.Why)
	if err := r.Scheduler.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r.until(t, id, nil, "ended", ended)
	if _, err := os.Stat(filepath.Join(r.Dir, "waited")); err == nil {
		t.Error("it has run")
	}
}

func cancelEnded(t *testing.T, r Rig) {
	id := r.submit(t, r.task("exit-0"))
	r.until(t, id, nil, "ended", ended)
	if err := r.Scheduler.Cancel(t.Context(), id); err != nil {
		t.Error(err)
	}
	if rep := r.until(t, id, nil, "ended", ended); rep.Phase != scheduler.Succeeded {
		t.Errorf("it is %s", rep.Phase)
	}
}

// log looks at what a task says while it runs.
func log(t *testing.T, r Rig) {
	logger, ok := r.Scheduler.(scheduler.Logger)
	if !ok {
		t.Log("it keeps no logs")
		return
	}
	id := r.submit(t, r.task("talk"))
	r.there(t, "talk.begun")
	var text string
	for end := time.Now().Add(r.Patience); time.Now().Before(end) && !strings.Contains(text, said); time.Sleep(50 * time.Millisecond) {
		var err error
		if text, err = logger.Log(t.Context(), id, nil, -1, 1<<16); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(text, said) {
		t.Errorf("the log is %q", text)
	}
	if rep, err := r.Scheduler.Look(t.Context(), id, nil); err != nil || rep.Phase.Ended() {
		t.Errorf("it has ended: %+v, %v", rep, err)
	}
	_, err := logger.Log(t.Context(), submit.NewName(), nil, -1, 10)
	isUnknown(t, "log", err)
}

// silent looks at a scheduler that does not answer. It must not be taken for one that knows nothing of the task.
func silent(t *testing.T, r Rig) {
	if r.Silent == nil {
		t.Log("there is nobody who could be silent")
		return
	}
	ctx := t.Context()
	_, submitting := r.Silent.Submit(ctx, r.task("exit-0"))
	_, looking := r.Silent.Look(ctx, "1234", nil)
	_, finding := r.Silent.Find(ctx, submit.NewName())
	for what, err := range map[string]error{"submit": submitting, "look": looking, "find": finding, "cancel": r.Silent.Cancel(ctx, "1234")} {
		if err == nil || errors.Is(err, scheduler.ErrUnknown) {
			t.Errorf("%s: %v, want that it does not answer", what, err)
		}
	}
}

func waiter(t *testing.T, r Rig) {
	w, ok := r.Scheduler.(scheduler.Waiter)
	if !ok {
		t.Log("it does not tell by itself")
		return
	}
	id := r.submit(t, r.task("exit-7"))
	if err := w.Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if rep, err := r.Scheduler.Look(t.Context(), id, nil); err != nil || !rep.Phase.Ended() {
		t.Errorf("it has not ended: %+v, %v", rep, err)
	}
	isUnknown(t, "wait", w.Wait(t.Context(), submit.NewName()))
}

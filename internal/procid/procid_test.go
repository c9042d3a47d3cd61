package procid

import (
	"os/exec"
	"testing"
)

func TestDead(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	me := Me()
	other := me
	other.PID, other.Start = cmd.Process.Pid, StartOf(cmd.Process.Pid)
	if other.Start == "" || other.Dead(me) || me.Dead(me) {
		t.Errorf("%+v lives", other)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !other.Dead(me) {
		t.Errorf("%+v is dead", other)
	}
	reused, elsewhere, space, rebooted := me, other, other, me
	reused.Start += "1"
	elsewhere.Host, elsewhere.Boot = "moon", "b"
	space.Space = "pid:[1]"
	rebooted.Boot = "b"
	for id, want := range map[ID]bool{reused: true, elsewhere: false, space: false, rebooted: true, {}: false} {
		if id.Dead(me) != want {
			t.Errorf("%+v: %v", id, !want)
		}
	}
}

package record

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	rec, err := Parse([]byte(`{"job":"a","state":"done","stages":[null,{"name":"launch"},null],"module_exit":null,"transfers":null}`))
	if err != nil || rec.Job != "a" || len(rec.Stages) != 1 || rec.Stages[0].Name != "launch" {
		t.Errorf("%+v, %v", rec, err)
	}
	for _, bad := range []string{"", "[]", `{"stages":7}`, `{"stages":[` + strings.Repeat("{},", 6<<20) + `{}]}`, strings.Repeat("[", 1<<20)} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%.20q is read", bad)
		}
	}
}

// FuzzParse holds that a record, whoever wrote it, can be looked at and written again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"job":"a","attempt":1,"stages":[{"name":"stage-in","start":"2026-01-02T03:04:05Z","outcome":"ok"}],"limits":{"memory_bytes":1},"engine":{"enforces":["memory"]}}`))
	f.Add([]byte(`{"stages":[null],"transfers":{"stage-in":null},"module_exit":{},"mounts":[null],"ended":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := Parse(data)
		if err != nil {
			return
		}
		for _, s := range rec.Stages {
			_ = s.Name
		}
		if _, err := Parse(rec.JSON()); err != nil {
			t.Errorf("%s cannot be read again: %v", rec.JSON(), err)
		}
	})
}

// FuzzExitCode holds that what a module writes as its exit code is one, or none.
func FuzzExitCode(f *testing.F) {
	for _, s := range []string{"{ \"exit_code\": 3 }\n", `{"exit_code":0}{"exit_code":255}`, `{"exit_code":256}`, `{"exit_code":-1}`, `{"exit_code":1e2}`, `{"exit_code":"0"}`, `{"EXIT_CODE":7}`, `{"exit_code":0} x`, "[", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		code, found := ParseExitCode(data)
		if code < 0 || code > 255 || !found && code != 0 {
			t.Errorf("%d, %v", code, found)
		}
		if again, ok := ParseExitCode(ExitFile(code)); !ok || again != code {
			t.Errorf("%d becomes %d, %v", code, again, ok)
		}
	})
}

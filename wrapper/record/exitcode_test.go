package record

import "testing"

func TestParseExitCode(t *testing.T) {
	for _, c := range []struct {
		data string
		code int
		ok   bool
	}{
		{`{ "exit_code": 0 }`, 0, true},
		{"{ \"exit_code\": 3 }\n", 3, true},
		{`{ "exit_code": 1 }{ "exit_code": 7 }`, 7, true},
		{"", 0, false},
		{`{ "exit_code": `, 0, false},
		{`{ "exit_code": 1 } { "exit_c`, 0, false},
		{`{ "exit_code": 300 }`, 0, false},
		{`{ "other": 1 }`, 0, false},
		{`0`, 0, false},
		{`{ "exit_code": "0" }`, 0, false},
	} {
		code, ok := ParseExitCode([]byte(c.data))
		if ok != c.ok || ok && code != c.code {
			t.Errorf("ParseExitCode(%q) = %d, %v", c.data, code, ok)
		}
	}
}

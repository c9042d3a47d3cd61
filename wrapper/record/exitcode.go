package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"syscall"
)

// ParseExitCode is the last exit code in data, which may hold several JSON objects. found is false where data has none, or
// anything in it is not a whole object with an "exit_code" from 0 to 255.
func ParseExitCode(data []byte) (code int, found bool) {
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

// SignalOf names the signal in a shell's exit code, which is 128 and the signal's number. It is "" where there is none.
func SignalOf(code int) string {
	if code <= 128 || code > 128+64 {
		return ""
	}
	return syscall.Signal(code - 128).String()
}

package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// maxObjects bounds a record's parts. A record has some dozens; a file that is made of nothing else would be a hundred times its size in
// memory.
const maxObjects = 100_000

// Parse reads a record that anybody may have written. No stage of it is nil.
func Parse(data []byte) (*Record, error) {
	if n := bytes.Count(data, []byte("{")); n > maxObjects {
		return nil, fmt.Errorf("%s has %d parts", FileName, n)
	}
	rec := new(Record)
	if err := json.Unmarshal(data, rec); err != nil {
		return nil, fmt.Errorf("reading %s: %w", FileName, err)
	}
	rec.Stages = slices.DeleteFunc(rec.Stages, func(s *Stage) bool { return s == nil })
	return rec, nil
}

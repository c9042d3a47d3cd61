package batch_test

import (
	"maps"
	"testing"

	"github.com/genepattern/ferry/scheduler/batch"
)

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		about string
		env   map[string]string
		want  map[string]batch.Value
	}{
		{"outside AWS Batch", map[string]string{"HOME": "/root"}, map[string]batch.Value{}},
		{"in AWS Batch", map[string]string{"AWS_BATCH_JOB_ID": "ab-12", "AWS_BATCH_JOB_ATTEMPT": "2", "AWS_BATCH_JQ_NAME": "q"},
			map[string]batch.Value{"job-id": {"ab-12", "AWS_BATCH_JOB_ID"}, "attempt": {"2", "AWS_BATCH_JOB_ATTEMPT"}}},
		{"a child of an array job", map[string]string{"AWS_BATCH_JOB_ID": "ab-12:3", "AWS_BATCH_JOB_ARRAY_INDEX": "3"},
			map[string]batch.Value{"job-id": {"ab-12:3", "AWS_BATCH_JOB_ID"}, "array-index": {"3", "AWS_BATCH_JOB_ARRAY_INDEX"}}},
		{"an empty variable", map[string]string{"AWS_BATCH_JOB_ID": "", "AWS_BATCH_JOB_ATTEMPT": "1"},
			map[string]batch.Value{"attempt": {"1", "AWS_BATCH_JOB_ATTEMPT"}}},
	} {
		got := batch.Identity(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.about, got, c.want)
		}
	}
}

package sync_test

import (
	"reflect"
	"testing"

	ferrysync "github.com/genepattern/ferry/sync"
)

// No count is forgotten when a new one comes.
func TestStatsAdd(t *testing.T) {
	var one, want ferrysync.Stats
	for i := range reflect.TypeFor[ferrysync.Stats]().NumField() {
		reflect.ValueOf(&one).Elem().Field(i).SetInt(int64(i + 1))
		reflect.ValueOf(&want).Elem().Field(i).SetInt(int64(3 * (i + 1)))
	}
	got := one
	got.Add(one)
	got.Add(one)
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

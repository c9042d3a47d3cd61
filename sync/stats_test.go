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
		f, sum := reflect.ValueOf(&one).Elem().Field(i), reflect.ValueOf(&want).Elem().Field(i)
		if f.Kind() == reflect.Bool {
			f.SetBool(true)
			sum.SetBool(true)
			continue
		}
		if f.Kind() == reflect.Map {
			f.Set(reflect.ValueOf(map[string]int64{"a": 1}))
			sum.Set(reflect.ValueOf(map[string]int64{"a": 3}))
			continue
		}
		f.SetInt(int64(i + 1))
		sum.SetInt(int64(3 * (i + 1)))
	}
	var got ferrysync.Stats
	for range 3 {
		got.Add(one)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

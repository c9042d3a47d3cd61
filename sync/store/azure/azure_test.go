package azure_test

import (
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
	"github.com/genepattern/ferry/sync/store/storetest"
)

const blockSize = 1 << 20

// open opens a URL with the variables NAME=VALUE.
func open(t testing.TB, url string, env []string, settings store.Settings) store.Store {
	t.Helper()
	at, kind, err := store.Parse(url, []store.Kind{azure.Kind})
	if err != nil {
		t.Fatal(err)
	}
	st, err := kind.Open(t.Context(), store.Opening{Location: at, Settings: settings, Lookup: lookup(env)})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func lookup(env []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, kv := range env {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}
}

var small = store.Settings{"az-block-size": "1m"}

// without are keys that Azure's service takes for others, or refuses.
var without = []string{"k/back\\slash", "k/new\nline", "k/cr\rreturn", "k/tab\t"}

func TestConformance(t *testing.T) {
	storetest.Suite{
		Kind:     azure.Kind,
		New:      func(t *testing.T) store.Store { c := testenv.Azure(t); return open(t, c.URL, c.Env(), small) },
		PartSize: blockSize,
		Without:  without,
		Denying: func(t *testing.T) (store.Store, func(string)) {
			c := testenv.Azure(t)
			p := testenv.Proxy(t, c.Endpoint)
			via := c.Via(p)
			return open(t, c.URL, via.Env(), small), func(key string) {
				p.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool { return r.Key == key }, Fault: testenv.Fault{Status: 403}})
			}
		},
	}.Run(t)
}

package engines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

func host(vars map[string]string) engine.Host {
	return engine.Host{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, Environ: []string{"PATH=/bin"}}
}

// Every engine opens without anything set and without being contacted, and says its name.
func TestOpen(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range all {
		if seen[k.Name] || k.Name == "" || k.Usage == "" || !strings.Contains(Usage(), k.Name+": "+k.Usage) {
			t.Errorf("bad entry %+v", k)
		}
		seen[k.Name] = true
		if e, err := Open(k.Name, host(nil)); err != nil || e == nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
	if names := Names(); len(names) != len(all) || names[0] != Default() || !seen[Default()] {
		t.Errorf("names %q, default %q", names, Default())
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		engine string
		vars   map[string]string
		hint   string
	}{
		"no such engine":  {"steam", nil, "docker"},
		"no name":         {"", nil, "docker"},
		"a bad address":   {"docker", map[string]string{"DOCKER_HOST": "nonsense"}, "is DOCKER_HOST right?"},
		"an ssh address":  {"docker", map[string]string{"DOCKER_HOST": "ssh://"}, "is DOCKER_HOST right?"},
		"no certificates": {"docker", map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/none/such"}, "is DOCKER_HOST right?"},
	} {
		e, err := Open(c.engine, host(c.vars))
		if err == nil || e != nil || cause.Of(err) != cause.Usage || !strings.Contains(cause.HintOf(err), c.hint) {
			t.Errorf("%s: %v, %v with the hint %q", name, e, err, cause.HintOf(err))
		}
	}
}

// The default stays where it answers, and where nothing else is there.
func TestDetect(t *testing.T) {
	is := func(found bool) func(engine.Host) bool { return func(engine.Host) bool { return found } }
	for want, kinds := range map[string][]engine.Kind{
		"a": {{Name: "a", Found: is(true)}, {Name: "x", Found: is(true)}},
		"b": {{Name: "x", Found: is(false)}, {Name: "y"}, {Name: "b", Found: is(true)}},
		"c": {{Name: "c", Found: is(false)}, {Name: "x", Found: is(false)}},
		"d": {{Name: "d"}, {Name: "x", Found: is(true)}},
	} {
		if got := detect(kinds, host(nil)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := Detect(host(map[string]string{"DOCKER_HOST": "unix:///none.sock", "CONTAINER_HOST": "unix:///none.sock"})); got != Default() {
		t.Errorf("DOCKER_HOST names an engine, and it is %s", got)
	}
}

// TestEveryFolder compares the registry with the folders beside it: one that is not listed would be found by nobody.
func TestEveryFolder(t *testing.T) {
	others := map[string]bool{"copytree": true, "engines": true, "enginetest": true}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Join(Names(), " ")
	for _, d := range entries {
		if !d.IsDir() || others[d.Name()] {
			continue
		}
		if code, err := filepath.Glob(filepath.Join("..", d.Name(), "*.go")); err != nil || len(code) == 0 {
			continue
		}
		if !strings.Contains(listed, d.Name()) {
			t.Errorf("engine/%s is not in the registry", d.Name())
		}
	}
}

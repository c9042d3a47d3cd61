package apptainer

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// kindName is what --engine calls this engine.
const kindName = "apptainer"

// Kind is the registry's entry of this engine.
var Kind = engine.Kind{Name: kindName, Usage: "a process of this user in namespaces of its own, by Apptainer", Open: open, Image: checkForm}

// Variables that a site or a user sets, besides Apptainer's own.
const (
	cacheVariable    = "FERRY_APPTAINER_CACHE"
	dirVariable      = "FERRY_APPTAINER_DIR"
	unpackedVariable = "FERRY_APPTAINER_UNPACKED"
)

func open(h engine.Host) (engine.Engine, error) {
	c := FromHost(h)
	for name, dir := range map[string]string{cacheVariable: c.Cache, dirVariable: c.Dir, unpackedVariable: c.Unpacked} {
		if dir != "" && !filepath.IsAbs(dir) {
			return nil, cause.Fail(cause.Usage, "give a path that begins with /", "%s=%q is no absolute path", name, dir)
		}
	}
	return New(c), nil
}

// A Config says what an Engine works with.
type Config struct {
	Path     string   // of programs, as PATH; apptainer is looked for there
	Home     string   // of ferry's own user, for Apptainer's files
	Cache    string   // where images are kept as SIF files; a group may share it
	Dir      string   // on a disk of this node: containers' own files
	Unpacked string   // on a disk of this node: where images are unpacked before they run; "" where that is done only if it must
	Temp     string   // where images are built; "" for Dir
	Proxy    []string // variables by which Apptainer reaches registries
}

// proxyVariables are those of a way to registries, which apptainer needs as ferry does.
var proxyVariables = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// FromHost reads FERRY_APPTAINER_CACHE, FERRY_APPTAINER_DIR, FERRY_APPTAINER_UNPACKED, APPTAINER_TMPDIR, XDG_CACHE_HOME, HOME,
// PATH, and the variables of a proxy and of certificates.
func FromHost(h engine.Host) Config {
	c := Config{Path: h.Env("PATH"), Home: h.Env("HOME"), Cache: h.Env(cacheVariable), Dir: h.Env(dirVariable), Unpacked: h.Env(unpackedVariable), Temp: h.Env("APPTAINER_TMPDIR")}
	c.Dir = cmp.Or(c.Dir, fmt.Sprintf("/var/tmp/ferry-apptainer-%d", os.Geteuid()))
	for _, name := range proxyVariables {
		if v := h.Env(name); v != "" {
			c.Proxy = append(c.Proxy, name+"="+v)
		}
	}
	if c.Cache == "" {
		switch {
		case h.Env("XDG_CACHE_HOME") != "":
			c.Cache = filepath.Join(h.Env("XDG_CACHE_HOME"), "ferry", kindName)
		case c.Home != "":
			c.Cache = filepath.Join(c.Home, ".cache", "ferry", kindName)
		default:
			c.Cache = filepath.Join(c.Dir, "images")
		}
	}
	return c
}

package stores

import (
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/gcs"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/web"
)

// A Registry is a list of kinds of store. It is safe for concurrent use.
type Registry []store.Kind

// All are the kinds that ferry knows, one line each. Hints show the first.
var All = Registry{
	s3.Kind,
	azure.Kind,
	dir.Kind,
	gcs.Kind,
	web.Kind,
}

// Check is All.Check.
func Check(url string) error { return All.Check(url) }

// Check is an error where url names no store and key prefix. The error is a *cause.Error of cause.Usage. Check opens nothing.
func (r Registry) Check(url string) error {
	_, _, err := r.Parse(url)
	return err
}

// Parse is store.Parse among these kinds. Its error is a *cause.Error of cause.Usage.
func (r Registry) Parse(url string) (store.Location, store.Kind, error) {
	at, kind, err := store.Parse(url, r)
	if err != nil {
		return at, kind, &cause.Error{Cause: cause.Usage, Hint: r.example(), Err: err}
	}
	return at, kind, nil
}

func (r Registry) example() string {
	if len(r) == 0 {
		return ""
	}
	return "such as " + r[0].Schemes[0] + "://bucket/prefix"
}

// CheckFor is Check, and also an error where the kind of store lacks one of the abilities in needs.
func (r Registry) CheckFor(url string, needs store.Abilities) error {
	_, kind, err := r.Parse(url)
	if err != nil {
		return err
	}
	if lacks := kind.Can.Lacks(needs); lacks != "" {
		return cause.Fail(cause.Usage, "", "%q cannot be %s, being on %s", egress.ShownAny(url), lacks, kind.Name)
	}
	return nil
}

// CheckRoot is CheckFor of what a job's whole tree is read from and written to. Its URL is in records, in other programs' listings, and a
// part of other URLs, so it must be of the kind's own form, and hold no secret.
func (r Registry) CheckRoot(url string, needs store.Abilities) error {
	if err := r.CheckFor(url, needs); err != nil {
		return err
	}
	at, kind, err := r.Parse(url)
	scheme, _, found := strings.Cut(url, "://")
	if err != nil || !found || scheme == at.Scheme {
		return err
	}
	hint := "name it " + at.String()
	if at.Secret != "" {
		hint += ", and give what follows the question mark in the environment, as docs/stores.md says"
	}
	return cause.Fail(cause.Usage, hint, "%q cannot be a job's remote root: records would have it, so it must be %s", egress.ShownAny(url), kind.Form)
}

// Forms are the forms of the kinds' URLs, for help: "s3://BUCKET/PREFIX or …".
func (r Registry) Forms() string {
	var all []string
	for _, k := range r {
		all = append(all, k.Form)
	}
	return strings.Join(all, " or ")
}

// Options are those of all kinds, shared ones once.
func (r Registry) Options() []store.Option {
	var all []store.Option
	shared := map[string]bool{}
	for _, k := range r {
		for _, o := range k.Options {
			if !shared[o.Name] {
				all = append(all, o)
			}
			shared[o.Name] = shared[o.Name] || o.Form.Shared
		}
	}
	return all
}

// CheckSettings is an error where a setting is no option of any kind, or has a wrong value. The error is a *cause.Error of
// cause.Usage that names the flag.
func (r Registry) CheckSettings(s store.Settings) error {
	known := map[string]store.Option{}
	for _, o := range r.Options() {
		known[o.Name] = o
	}
	for name, value := range s {
		o, ok := known[name]
		if !ok {
			return cause.Fail(cause.Usage, "", "no store has the option --%s", name)
		}
		if err := o.Check(value); err != nil {
			return &cause.Error{Cause: cause.Usage, Err: fmt.Errorf("--%s: %w", name, err)}
		}
	}
	return nil
}

package testenv

import (
	"testing"
)

func TestModuleImages(t *testing.T) {
	for _, m := range []Module{Bash, Sh, NoShell, User, Entrypoint} {
		t.Run(string(m), func(t *testing.T) {
			ref := ModuleImage(t, m)
			var first, again imageInfo
			for _, info := range []*imageInfo{&first, &again} {
				if err := engine(t).Call(t.Context(), "GET", "/images/"+ref+"/json", nil, info); err != nil {
					t.Fatal(err)
				}
				ModuleImage(t, m)
			}
			if first.ID != again.ID {
				t.Errorf("%s was made again: %s, then %s", ref, first.ID, again.ID)
			}
			if m == User && first.Config.User != "1000:1000" {
				t.Errorf("user is %q", first.Config.User)
			}
			if m == Entrypoint && (first.Config.WorkingDir != "/own" || len(first.Config.Entrypoint) != 1) {
				t.Errorf("configuration is %+v", first.Config)
			}
		})
	}
}

type imageInfo struct {
	ID     string `json:"Id"`
	Config struct {
		User, WorkingDir string
		Entrypoint       []string
	}
}

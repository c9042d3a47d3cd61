package syncscript

import (
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/ftp/ftptest"
)

func TestFTP(t *testing.T) {
	for name, c := range map[string]struct {
		replace map[string]string
		path    string
		says    string // of the warning, "" for none
	}{
		"fine":      {nil, "/pub/all%20aml.gct", ""},
		"older":     {map[string]string{"EPSV": "502 no", "SIZE": "502 no"}, "/pub/all%20aml.gct", ""},
		"missing":   {nil, "/pub/none", "550 no such file"},
		"no login":  {map[string]string{"PASS": "530 no"}, "/pub/all%20aml.gct", "530 no"},
		"cut":       {map[string]string{"SIZE": "213 100000"}, "/pub/all%20aml.gct", "unexpected EOF"},
		"odd port":  {map[string]string{"EPSV": "229 (|||22|)"}, "/pub/all%20aml.gct", "port 22"},
		"injection": {nil, "/pub/x%0d%0aDELE%20y", "names no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := ftptest.Start(t, "gene\t1\n", c.replace)
			b := newBench(t, "wget -q -O /local/jobs/101/f \""+url+c.path+"\" || true\n")
			if err := b.run(t); err != nil {
				t.Fatal(err)
			}
			got := b.files(t)
			if c.says == "" {
				if got["jobs/101/f"] != "gene\t1\n" || len(b.warnings) != 0 {
					t.Errorf("file is %q, warnings %q", got, b.warnings)
				}
				return
			}
			if len(got) != 0 || len(b.warnings) != 1 || !strings.Contains(b.warnings[0], c.says) {
				t.Errorf("files are %q, warnings %q, want %q", got, b.warnings, c.says)
			}
		})
	}
}

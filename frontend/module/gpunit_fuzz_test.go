package module

import "testing"

// FuzzCase holds that no test case, whoever wrote it, ends ferry, and that a file of a case is below its directory or named as it is.
func FuzzCase(f *testing.F) {
	f.Add("name: A\nmodule: Demo\nparams:\n    in.file: \"data/a b.gct\"\n    n: 010\n    flag: yes\nassertions:\n    diffCmd: diff -q\n    files:\n        \"out.txt\": { diff: \"expected/out.txt\" }\n        \"x\":\n            numRows: 3\n            numCols: 2\n    numFiles: 2\n    jobStatus: success\n")
	f.Add("params: {a: [1, 2], b: ~, c: !!str 7, d: |\n  x\n}\n<%dir%>: &a [*a]")
	f.Add("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n--- \nd")
	m, err := Parse([]byte("name=Demo\nLSID=urn:lsid:example.org:module:1:1\ntaskType=x\ncommandLine=run <in.file> <n>\np1_name=in.file\np1_TYPE=FILE\np1_MODE=IN\np1_type=java.io.File\np2_name=n\np2_type=java.lang.String\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, known := range []*Manifest{nil, &m} {
			c, err := ParseCase("/cases/a.yml", []byte(text), map[string]string{"dir": "/d"}, known)
			if err == nil && c.Name == "" {
				t.Error("a case without a name")
			}
		}
	})
}

package arch

import "path"

// comments finds packages that do not have exactly one package comment, or where several files stand not in doc.go.
func comments(t *tree) (all []finding) {
	packages := map[string][]*file{}
	for _, f := range t.files {
		if !f.isTestFile() {
			packages[f.dir] = append(packages[f.dir], f)
		}
	}
	for dir, files := range packages {
		n := 0
		for _, f := range files {
			if f.ast.Doc.Text() == "" {
				continue
			}
			n++
			if n > 1 {
				all = append(all, t.found(f.ast.Package, "%s has another package comment", dir))
			} else if len(files) > 1 && path.Base(f.path) != "doc.go" {
				all = append(all, t.found(f.ast.Package, "the package comment of %s belongs in doc.go", dir))
			}
		}
		if n == 0 {
			all = append(all, t.found(files[0].ast.Package, "%s has no package comment", dir))
		}
	}
	return all
}

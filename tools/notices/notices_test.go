package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// maxSize keeps the file one that people and tools open, in bytes.
const maxSize = 1_000_000

func TestNotices(t *testing.T) {
	root := filepath.Join("..", "..")
	want, err := notices(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the linked modules say; make notices writes it", name)
	}
	if len(want) > maxSize {
		t.Errorf("%s has %d bytes, more than %d", name, len(want), maxSize)
	}
	for _, m := range []string{"golang.org/x/sys", "github.com/urfave/cli/v2"} {
		if !strings.Contains(want, "\n  "+m+"\n") {
			t.Errorf("%s is linked in, and not in %s", m, name)
		}
	}
	if m := "github.com/rogpeppe/go-internal"; strings.Contains(want, m) {
		t.Errorf("%s is for tests only, and in %s", m, name)
	}
}

// The preface says of the standard library that its licence is another's.
func TestStandardLibrary(t *testing.T) {
	modules, err := linked(t.Context(), filepath.Join("..", ".."), "./cmd/ferry")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if m.name != "golang.org/x/sys" {
			continue
		}
		texts, err := collect([]module{m})
		if err != nil {
			t.Fatal(err)
		}
		if body := texts[0].body; texts[0].kind != "BSD" || !strings.HasPrefix(body, "Copyright 2009 The Go Authors.") {
			t.Errorf("the licence of %s is\n%s", m.name, body)
		}
		return
	}
	t.Error("golang.org/x/sys is not linked in")
}

const (
	mit = "MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy of this software"
	bsd = "Redistribution and use in source and binary forms, with or without\r\nmodification, are permitted provided"
)

func TestKindOf(t *testing.T) {
	for body, want := range map[string]string{
		mit:                    "MIT",
		bsd:                    "BSD",
		mit + "\n----\n" + bsd: "MIT + BSD",
		"> Redistribution and use in source and binary forms, with or without\n> modification, are permitted":                      "BSD",
		"Permission to use, copy, modify, and/or distribute this software for any\n purpose with or without fee is hereby granted": "ISC",
		"                 Apache License\n           Version 2.0, January 2004":                                                    "Apache-2.0",
		"Mozilla Public License Version 2.0\n… GNU General Public License":                                                         "MPL-2.0",
		"This is free and unencumbered software released into the public domain.":                                                  "Unlicense",
		"CC0 1.0 Universal":                                                                  "CC0-1.0",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3":                                              "",
		mit + "\n“Commons Clause” License":                                                   "",
		mit + "\nor the GNU Lesser General Public License":                                   "",
		bsd + "\nAll advertising materials mentioning features or use of this software must": "",
		"All rights reserved.":                                                               "",
		"":                                                                                   "",
	} {
		if got := kindOf(body); got != want {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	}
}

// files makes files below a new directory.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range content {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCollect(t *testing.T) {
	dir := files(t, map[string]string{
		"a/LICENSE": mit, "a/LICENSE.docs": "CC-BY-SA", "a/NOTICE.txt": "made by a", "a/sub/COPYING": bsd, "a/license.go": "package a",
		"b/License.md": strings.ReplaceAll(mit, "\n", " \r\n") + "\n\n",
		"c/README":     "none", "d/LICENSE": "you may not",
	})
	a := module{"example.com/a", []string{filepath.Join(dir, "a"), filepath.Join(dir, "a/sub")}}
	b := module{"example.com/b", []string{filepath.Join(dir, "b")}}
	texts, err := collect([]module{a, b})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, x := range texts {
		got[x.kind] = x.modules
	}
	if want := map[string][]string{"MIT": {a.name, b.name}, "notice": {a.name}, "BSD": {a.name}}; !reflect.DeepEqual(got, want) || len(texts) != 3 {
		t.Errorf("%d texts, %v, want %v", len(texts), got, want)
	}
	if out := render(texts); strings.Count(out, "MIT License") != 1 || !strings.Contains(out, "MIT\n  example.com/a\n  example.com/b\n") || !strings.Contains(out, "made by a\n") {
		t.Errorf("rendered as\n%s", out)
	}
	for _, bad := range []string{"c", "d"} {
		if _, err := collect([]module{a, {"example.com/" + bad, []string{filepath.Join(dir, bad)}}}); err == nil || !strings.HasPrefix(err.Error(), "example.com/"+bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

package main

import "strings"

const (
	preface = `Ferry is given away under the licence in the file LICENSE. Its binary, and so its transfer image, has
parts of the modules below and of the Go standard library, whose licence is that of golang.org/x/sys.
Each text stands here once, after the modules that it belongs to. "make notices" writes this file.
`
	thick = "================================================================================\n"
	thin  = "--------------------------------------------------------------------------------\n"
)

// render is the file.
func render(texts []*text) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, t := range texts {
		b.WriteString("\n" + thick + t.kind + "\n")
		for _, m := range t.modules {
			b.WriteString("  " + m + "\n")
		}
		b.WriteString(thin + "\n" + t.body)
	}
	return b.String()
}

package main

import (
	"regexp"
	"strings"
)

// kinds are the licences that ferry may be given away with, each with words that stand in no other.
var kinds = []struct{ name, words string }{
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"},
	{"ISC", "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted"},
	{"BSD", "redistribution and use in source and binary forms, with or without modification, are permitted"},
	{"Apache-2.0", "apache license version 2.0, january 2004"},
	{"Apache-2.0", `licensed under the apache license, version 2.0 (the "license")`},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"Unlicense", "this is free and unencumbered software released into the public domain"},
	{"CC0-1.0", "cc0 1.0 universal"},
}

// refused are words of licences and additions that want more than ferry gives. The MPL mentions the first by name, so they
// count only where it is not the MPL.
var refused = []string{"gnu general public license", "gnu lesser general public license", "gnu affero general public license",
	"commons clause", "business source license", "server side public license", "all advertising materials mentioning features"}

// space between words is also what marks a quotation or a comment.
var space = regexp.MustCompile(`[\s>*]+`)

// kindOf is the licence that a text is, its parts with a plus between them where it is several, or "".
func kindOf(body string) string {
	body = strings.ToLower(space.ReplaceAllString(body, " "))
	var found []string
	for _, k := range kinds {
		if strings.Contains(body, k.words) && (len(found) == 0 || found[len(found)-1] != k.name) {
			found = append(found, k.name)
		}
	}
	all := strings.Join(found, " + ")
	for _, words := range refused {
		if all != "MPL-2.0" && strings.Contains(body, words) {
			return ""
		}
	}
	return all
}

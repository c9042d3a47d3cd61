package sync

import (
	"strings"
	"unicode/utf8"
)

// Included is what the filters decide about a path.
func Included(filters []Filter, path string) bool { return included(filters, path) }

// included decides by the filters in order: the last that matches wins, and what none matches is included.
func included(filters []Filter, path string) bool {
	for i := len(filters) - 1; i >= 0; i-- {
		if Match(filters[i].Pattern, path) {
			return filters[i].Include
		}
	}
	return true
}

// passes says whether the filters may let path through, or, of a directory, anything in it: one that cannot be read is to be told unless
// all that it may hold is left out.
func passes(filters []Filter, path string) bool {
	if !isDir(path) {
		return included(filters, path)
	}
	for i := len(filters) - 1; i >= 0; i-- {
		f := filters[i]
		if f.Include && mayHold(path, f.Pattern) {
			return true
		}
		if !f.Include && strings.HasSuffix(f.Pattern, "*") && Match(f.Pattern, path) {
			return false // and so everything below it matches
		}
	}
	return true
}

// mayHold says whether something below the directory may match the pattern, as far as the pattern's beginning tells.
func mayHold(dir, pattern string) bool {
	literal := pattern
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		literal = pattern[:i]
	} else if !strings.HasPrefix(pattern, dir) {
		return false
	}
	n := min(len(literal), len(dir))
	return literal[:n] == dir[:n]
}

// Match says whether path, relative to the tree, matches the pattern as the AWS CLI does it, that is, as Python's
// fnmatch does: "*" is any text, slashes too; "?" any one character; "[seq]" one of seq, which may have ranges; "[!seq]"
// one that is not; "[" without its end stands for itself, as all else. A character is a code point, or a byte that is
// no UTF-8. It takes no longer than the product of the two lengths.
func Match(pattern, path string) bool {
	p, s := 0, 0
	star, mark := -1, 0 // where the last "*" ended, and what it has taken
	for s < len(path) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, mark = p, s
			continue
		}
		if p < len(pattern) {
			if pn, sn, ok := matchOne(pattern[p:], path[s:]); ok {
				p += pn
				s += sn
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(path[mark:])
		mark += n
		p, s = star, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches the first element of pattern, which is no "*", to the first character of path. It says how long both
// are.
func matchOne(pattern, path string) (pn, sn int, ok bool) {
	c, sn := utf8.DecodeRuneInString(path)
	switch pattern[0] {
	case '?':
		return 1, sn, true
	case '[':
		if end := setEnd(pattern); end > 0 {
			return end + 1, sn, inSet(pattern[1:end], c)
		}
	}
	pc, pn := utf8.DecodeRuneInString(pattern)
	return pn, sn, pc == c && (pc != utf8.RuneError || pattern[:pn] == path[:sn])
}

// setEnd is where the "]" of the set that pattern begins with is; 0 where there is none. A "]" right at the beginning
// is a member.
func setEnd(pattern string) int {
	i := 1
	if i < len(pattern) && pattern[i] == '!' {
		i++
	}
	if i < len(pattern) && pattern[i] == ']' {
		i++
	}
	if n := strings.IndexByte(pattern[i:], ']'); n >= 0 {
		return i + n
	}
	return 0
}

// inSet says whether c is in the set, given without its brackets.
func inSet(set string, c rune) bool {
	set, negated := strings.CutPrefix(set, "!")
	found := false
	for len(set) > 0 {
		lo, n := utf8.DecodeRuneInString(set)
		set = set[n:]
		hi := lo
		if len(set) > 1 && set[0] == '-' {
			hi, n = utf8.DecodeRuneInString(set[1:])
			set = set[1+n:]
		}
		if lo <= c && c <= hi {
			found = true
		}
	}
	return found != negated
}

// narrow is what every path begins with that the filters let through, as far as they tell: after an exclude of "*", which
// the sync scripts of servers begin with to ask for single files, only what a later include matches can pass. A listing
// then need not go through all that lies beside such a file.
func narrow(filters []Filter) string {
	from := -1
	for i, f := range filters {
		if !f.Include && f.Pattern == "*" {
			from = i
		}
	}
	if from < 0 {
		return ""
	}
	common, first := "", true
	for _, f := range filters[from+1:] {
		if !f.Include {
			continue
		}
		literal := f.Pattern
		if i := strings.IndexAny(literal, "*?["); i >= 0 {
			literal = literal[:i]
		}
		if first {
			common, first = literal, false
		}
		for !strings.HasPrefix(literal, common) {
			common = common[:len(common)-1]
		}
	}
	for !utf8.ValidString(common) { // half a character is no prefix that a store takes
		common = common[:len(common)-1]
	}
	return common
}

package execsh

import (
	"errors"
	"fmt"
	"strings"
)

// maxArg is the longest argument that Linux hands to a program, in bytes: MAX_ARG_STRLEN less the zero behind it.
// https://man7.org/linux/man-pages/man2/execve.2.html
const maxArg = 128<<10 - 1

// A Script is one command and what goes in and out of it. Paths may be relative to Dir.
type Script struct {
	Dir      string   // the command's current directory, absolute
	Command  []string // a program, found by PATH as usual, and its arguments
	Stdin    string   // "" for an empty one
	Stdout   string   // "" for the container's own
	Stderr   string   // "" for the container's own; may be the same file as Stdout
	ExitCode string   // gets { "exit_code": N }; "" for none
}

// Text is the script. It ends with the command's exit code; where a stream's file cannot be opened, the command does not start
// and the code is not 0. The error says which part no script can hold.
func (s Script) Text() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\ncd %s || exit\n", Quote(asPath(s.Dir)))
	// exec finds no builtin: those of two shells called echo, test or kill differ, and exit or set would not return.
	fmt.Fprintf(&b, "( exec %s )", strings.Join(quoted(s.Command), " "))
	stdin := s.Stdin
	if stdin == "" {
		stdin = "/dev/null"
	}
	fmt.Fprintf(&b, " <%s", Quote(asPath(stdin)))
	if s.Stdout != "" {
		fmt.Fprintf(&b, " >%s", Quote(asPath(s.Stdout)))
	}
	switch {
	case s.Stderr == "":
	case s.Stderr == s.Stdout:
		b.WriteString(" 2>&1")
	default:
		fmt.Fprintf(&b, " 2>%s", Quote(asPath(s.Stderr)))
	}
	b.WriteString("\ncode=$?\n")
	if s.ExitCode != "" {
		fmt.Fprintf(&b, "echo \"{ \\\"exit_code\\\": $code }\" >%s\n", Quote(asPath(s.ExitCode)))
	}
	b.WriteString("exit $code\n")
	return []byte(b.String()), nil
}

func (s Script) check() error {
	if len(s.Command) == 0 || s.Command[0] == "" {
		return errors.New("there is no command")
	}
	if strings.HasPrefix(s.Command[0], "-") {
		return fmt.Errorf("the command %q begins with a dash", s.Command[0])
	}
	for i, arg := range s.Command {
		if strings.Contains(arg, "\x00") {
			return fmt.Errorf("argument %d of %q has a zero byte, which no argument can have", i, s.Command[0])
		}
		if len(arg) > maxArg {
			return fmt.Errorf("argument %d of %q has %d bytes, and Linux takes at most %d", i, s.Command[0], len(arg), maxArg)
		}
	}
	for _, p := range []string{s.Dir, s.Stdin, s.Stdout, s.Stderr, s.ExitCode} {
		if strings.Contains(p, "\x00") {
			return fmt.Errorf("the path %q has a zero byte", p)
		}
	}
	if !strings.HasPrefix(s.Dir, "/") {
		return fmt.Errorf("the directory %q is not absolute", s.Dir)
	}
	return nil
}

// asPath is a path that no shell takes for an option or for a word of its own, such as "-" or bash's "/dev/tcp/…".
func asPath(p string) string {
	switch {
	case p == "":
		return p
	case strings.HasPrefix(p, "/dev/tcp/"), strings.HasPrefix(p, "/dev/udp/"):
		return "/" + p
	case strings.HasPrefix(p, "/"):
		return p
	}
	return "./" + p
}

func quoted(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = Quote(w)
	}
	return all
}

// Quote is a word as every POSIX shell reads it, for scripts and for people. It is plain where that says the same.
func Quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plain are characters that mean nothing to a shell wherever they stand. "=" and "~" are not among them: A=b as a first word is an
// assignment, and ~ may be a home.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+:,./-"

package module

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// properties reads Java properties. Of equal keys the last wins. The format is ISO-8859-1; what is valid UTF-8 is read as that,
// because many authors write it, and hardly any text is both by chance.
func properties(data []byte) (map[string]string, error) {
	all := map[string]string{}
	for _, line := range logicalLines(decode(data)) {
		key, value, err := keyAndValue(line.text)
		if err != nil {
			return nil, fmt.Errorf("manifest, line %d: %w", line.number, err)
		}
		all[key] = value
	}
	return all, nil
}

func decode(data []byte) string {
	text := strings.TrimPrefix(string(data), "\ufeff")
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

type logicalLine struct {
	number int // of its first line, from 1
	text   string
}

const blanks = " \t\f"

// logicalLines joins lines that end in an odd number of backslashes with the next, whose blanks at the beginning go. Comments and
// empty lines are left out.
func logicalLines(text string) []logicalLine {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var all []logicalLine
	var b strings.Builder
	begun := 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(line, blanks)
		if begun == 0 {
			if line == "" || line[0] == '#' || line[0] == '!' {
				continue
			}
			begun = i + 1
		}
		slashes := len(line) - len(strings.TrimRight(line, `\`))
		if slashes%2 == 1 {
			b.WriteString(line[:len(line)-1])
			continue
		}
		b.WriteString(line)
		all = append(all, logicalLine{begun, b.String()})
		b.Reset()
		begun = 0
	}
	if begun > 0 {
		all = append(all, logicalLine{begun, b.String()})
	}
	return all
}

// keyAndValue cuts a line at the first "=", ":" or blank that has no backslash before it.
func keyAndValue(line string) (key, value string, err error) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=:"+blanks, rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	rest := strings.TrimLeft(line[end:], blanks)
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	if key, err = unescape(line[:end]); err == nil {
		value, err = unescape(rest)
	}
	return key, value, err
}

// unescape replaces escapes. One of a character that has no meaning is that character.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			break // at the end of the file
		}
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, err := hex4(s[i+1:])
			if err != nil {
				return "", err
			}
			i += 4
			if utf16.IsSurrogate(r) && strings.HasPrefix(s[i+1:], `\u`) {
				if low, err := hex4(s[i+3:]); err == nil {
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						r = pair
						i += 6
					}
				}
			}
			b.WriteRune(r)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

func hex4(s string) (rune, error) {
	if len(s) >= 4 {
		if n, err := strconv.ParseUint(s[:4], 16, 16); err == nil {
			return rune(n), nil
		}
	}
	return 0, fmt.Errorf(`\u%.4s: four hexadecimal digits must follow \u`, s)
}

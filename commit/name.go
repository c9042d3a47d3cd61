package commit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Auto is the NAME that stands for a repository made from the module's name and LSID.
const Auto = "auto"

// A name is NAME taken apart.
type name struct {
	host string // "" for the account's own ECR
	repo string
	tag  string // "" where it follows from the module's version
}

// parseName takes NAME apart. A full reference begins with a host: a first part that has a dot or a colon, or is localhost. Anything
// else is a repository of the account's own ECR.
func parseName(given string, m Module) (name, error) {
	if given == "" {
		return name{}, errors.New("an image needs a name")
	}
	if given == Auto {
		repo, err := autoRepository(m)
		return name{repo: repo}, err
	}
	host, _, ok := strings.Cut(given, "/")
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		ref, err := reference.ParseNormalizedNamed(given)
		if err != nil {
			return name{}, fmt.Errorf("image name %q: %w", given, err)
		}
		if _, ok := ref.(reference.Digested); ok {
			return name{}, fmt.Errorf("image name %q: a digest cannot be asked for", given)
		}
		n := name{host: reference.Domain(ref), repo: reference.Path(ref)}
		if t, ok := ref.(reference.Tagged); ok {
			n.tag = t.Tag()
		}
		return n, nil
	}
	repo, tag, _ := strings.Cut(given, ":")
	n := name{repo: repositoryName(repo), tag: tagName(tag)}
	if n.repo == "" {
		return name{}, fmt.Errorf("image name %q has nothing that a repository can be called", given)
	}
	return n, nil
}

// setTag gives a name without a tag the one of the module's version and the base's identity.
func (n *name) setTag(m Module, base string) {
	if n.tag == "" {
		n.tag = versionTag(m, base)
	}
}

// reference is the name by which an engine knows the image.
func (n name) reference() string { return n.host + "/" + n.repo + ":" + n.tag }

// What ECR takes (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html): lower case letters
// and digits in parts that are separated by one of . _ - or by /, 2 to 256 characters. An engine takes 255 with the registry's host, which has
// up to 55 in ECR.
const (
	repositoryMin = 2
	repositoryMax = 200
	tagMax        = 128
)

var (
	notInRepository = regexp.MustCompile(`[^a-z0-9._/-]+`)
	separators      = regexp.MustCompile(`[._-]{2,}`)
	notInTag        = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)
)

// repositoryName makes a repository's name of s that ECR takes; "" where nothing of s is left. A name that is too long is cut, and
// ends in a hash of all of s, so that it differs from others.
func repositoryName(s string) string {
	var parts []string
	for _, p := range strings.Split(notInRepository.ReplaceAllString(strings.ToLower(s), "-"), "/") {
		p = separators.ReplaceAllStringFunc(p, func(run string) string { return run[:1] })
		if p = strings.Trim(p, "._-"); p != "" {
			parts = append(parts, p)
		}
	}
	r := strings.Join(parts, "/")
	if len(r) == 1 {
		r = strings.Repeat(r, repositoryMin)
	}
	if len(r) > repositoryMax {
		r = strings.TrimRight(r[:repositoryMax-13], "._-/") + "-" + short(s)
	}
	return r
}

// tagName makes s a tag, "" for "".
func tagName(s string) string {
	s = strings.TrimLeft(notInTag.ReplaceAllString(s, "-"), ".-")
	if len(s) > tagMax {
		s = s[:tagMax-13] + "-" + short(s)
	}
	return s
}

// short is 12 hexadecimal digits that stand for s.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// An LSID is urn:lsid:AUTHORITY:NAMESPACE:OBJECT[:VERSION].
const lsidParts = 6

// splitLSID splits an LSID into the module and the version. A text that is no LSID has no version.
func splitLSID(lsid string) (module, version string) {
	p := strings.Split(lsid, ":")
	if len(p) != lsidParts || !strings.EqualFold(p[0], "urn") || !strings.EqualFold(p[1], "lsid") {
		return lsid, ""
	}
	return strings.Join(p[2:lsidParts-1], ":"), p[lsidParts-1]
}

// autoRepository is the repository of a module. All versions of a module share one, and no two modules do.
func autoRepository(m Module) (string, error) {
	id, _ := splitLSID(m.LSID)
	id = strings.TrimPrefix(id, "urn:lsid:")
	title := repositoryName(strings.ReplaceAll(m.Name, "/", "-"))
	id = repositoryName(strings.ReplaceAll(id, "/", "-"))
	switch {
	case title == "" && id == "":
		return "", fmt.Errorf("the name %q needs a module's name or LSID", Auto)
	case title == "":
		return id, nil
	case id == "":
		return title, nil
	}
	return repositoryName(title + "/" + id), nil
}

// versionTag is the tag of an image of one module version on one base. Tags may be immutable, so a new base has a new tag. Without a
// version it is "latest".
func versionTag(m Module, base string) string {
	_, version := splitLSID(m.LSID)
	if version == "" {
		return "latest"
	}
	hash := strings.TrimPrefix(base, "sha256:")
	hash = hash[:min(12, len(hash))]
	if version = tagName(version); len(version)+1+len(hash) > tagMax {
		version = version[:tagMax-27] + "-" + short(version)
	}
	return version + "-" + hash
}

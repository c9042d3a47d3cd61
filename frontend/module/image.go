package module

import (
	_ "embed" // for the table
	"fmt"
	"strings"
)

//go:embed images.txt
var shippedImages string

// An Image is the image that a module runs in, and where its name comes from.
type Image struct {
	Ref  string
	From string // in words: "the manifest"
}

// A row of a table of images: an image and the modules it is for.
type row struct {
	image   string
	modules []string // NAME, NAME:VERSION, lang=LANGUAGE or *
}

// An Images is a table of images for modules that name none.
type Images []row

// ShippedImages is the table that comes with ferry.
func ShippedImages() Images {
	t, err := ParseImages([]byte(shippedImages))
	if err != nil {
		panic(err) // a test reads it
	}
	return t
}

// ParseImages reads a table: a line has an image and the modules it is for.
func ParseImages(data []byte) (Images, error) {
	var all Images
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch len(fields) {
		case 0:
			continue
		case 1:
			return nil, fmt.Errorf("image %s is for no module", fields[0])
		}
		r := row{image: fields[0]}
		for _, f := range fields[1:] {
			name := ""
			for i, item := range strings.Split(f, ",") {
				if i > 0 && !strings.HasPrefix(item, ":") || item == "" {
					return nil, fmt.Errorf("%q is none of NAME, NAME:VERSION, NAME:VERSION,:VERSION, lang=LANGUAGE, *", f)
				}
				if i == 0 {
					name, _, _ = strings.Cut(item, ":")
				} else {
					item = name + item
				}
				r.modules = append(r.modules, item)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// find is the first image for a module, by name and version, then by name, then by language, then any.
func (t Images) find(m Manifest) (ref string, specific bool) {
	wanted := []string{m.Name + ":" + m.Version(), m.Name, "*"}
	if m.Version() == "" {
		wanted = wanted[1:]
	}
	for i, w := range wanted {
		for _, r := range t {
			for _, name := range r.modules {
				lang, ok := strings.CutPrefix(name, "lang=")
				if name == w || ok && i == len(wanted)-1 && m.Language != "" && strings.EqualFold(lang, m.Language) {
					return r.image, name != "*"
				}
			}
		}
	}
	return "", false
}

// imageOf is the image that a module runs in.
func (c *compiler) imageOf() Image {
	if c.options.Image != "" {
		return Image{c.options.Image, "--image"}
	}
	named := strings.TrimSpace(c.manifest.Job["job.docker.image"])
	if given, ok := c.given["job.docker.image"]; ok {
		named = ""
		if len(given) > 0 {
			named = strings.TrimSpace(given[0].Text)
		}
	}
	if named != "" {
		return Image{named, "the manifest"}
	}
	site, fits := c.options.Images.find(c.manifest)
	if fits {
		return Image{site, "--images"}
	}
	ref, fits := ShippedImages().find(c.manifest)
	if fits {
		return Image{ref, "ferry's table"}
	}
	if site != "" {
		return Image{site, "--images"}
	}
	c.notes = append(c.notes, fmt.Sprintf("neither the manifest nor the table names an image for %s: %s is taken; --image chooses another", c.manifest.Name, ref))
	return Image{ref, "the default"}
}

package job

import "slices"

// A Setting is the value of one option in one source.
type Setting struct {
	Values []string
	From   string // what messages call the source: "--image", "FERRY_IMAGE", `"image" in job.yaml`
}

// Settings are the options that one source has, by name without dashes.
type Settings map[string]Setting

// Merge joins sources. Of several that have an option, the first wins. Lists are not joined.
func Merge(sources ...Settings) Settings {
	all := Settings{}
	for _, s := range slices.Backward(sources) {
		for name, v := range s {
			all[name] = v
		}
	}
	return all
}

// Last is the last value of an option; "" where the settings have none.
func (s Settings) Last(name string) string {
	v := s[name].Values
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

package job

import "slices"

// A Setting is what one source says of one option.
type Setting struct {
	Values []string
	From   string // how the reader knows the source: "--image", "FERRY_IMAGE", `"image" in job.yaml`
}

// Settings are what one source says: options by name, without the dashes.
type Settings map[string]Setting

// Merge lays sources over each other; the first that has an option wins, whole: lists are not joined.
func Merge(sources ...Settings) Settings {
	all := Settings{}
	for _, s := range slices.Backward(sources) {
		for name, v := range s {
			all[name] = v
		}
	}
	return all
}

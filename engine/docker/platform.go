package docker

import "cmp"

// architectures are the names that images have for what the kernel calls a machine.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386"}

// platform is the kernel's words in those of images; "" where either is missing.
func platform(system, machine string) string {
	if system == "" || machine == "" {
		return ""
	}
	return system + "/" + cmp.Or(architectures[machine], machine)
}

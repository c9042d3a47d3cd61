package docker

import (
	"cmp"
	"context"
)

// architectures are the names that images have for what the kernel calls a machine.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386"}

// platform is the kernel's words in those of images; "" where either is missing.
func platform(system, machine string) string {
	if system == "" || machine == "" {
		return ""
	}
	return system + "/" + cmp.Or(architectures[machine], machine)
}

// foreign says that ref's registry has the image, and for other platforms than this engine's only.
func (i *images) foreign(ctx context.Context, ref, auth string) bool {
	d, err := i.conn.cli.DistributionInspect(ctx, ref, auth)
	if err != nil || len(d.Platforms) == 0 {
		return false
	}
	in, err := i.conn.cli.Info(ctx)
	here := platform(in.OSType, in.Architecture)
	for _, p := range d.Platforms {
		if p.OS == "" || p.Architecture == "" || p.OS+"/"+p.Architecture == here {
			return false
		}
	}
	return err == nil && here != ""
}

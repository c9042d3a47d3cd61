package batch

import (
	"fmt"
	"path"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
)

// A Shared is a file system that jobs in place have at Path.
type Shared struct {
	Path   string
	volume Volume
}

// ParseShared makes file systems of the flags --efs, --lustre and --s3files, each of the form WHAT=PATH. The error has the cause Usage.
func ParseShared(efs, lustre, s3files []string) (all []Shared, err error) {
	for _, kind := range []struct {
		flag   string
		values []string
		make   func(what string) (Volume, error)
	}{{"efs", efs, efsVolume}, {"lustre", lustre, lustreVolume}, {"s3files", s3files, s3FilesVolume}} {
		for _, v := range kind.values {
			i := strings.LastIndex(v, "=")
			if i < 0 || !path.IsAbs(v[i+1:]) {
				return nil, cause.Fail(cause.Usage, "", "--%s: %q does not end in =/PATH", kind.flag, v)
			}
			s := Shared{Path: path.Clean(v[i+1:])}
			if s.volume, err = kind.make(v[:i]); err != nil {
				return nil, cause.Fail(cause.Usage, "", "--%s: %q: %w", kind.flag, v, err)
			}
			s.volume.Name = fmt.Sprintf("shared-%d", len(all))
			all = append(all, s)
		}
	}
	return all, nil
}

// efsVolume is fs-ID[:/ROOT][@fsap-ID].
func efsVolume(what string) (Volume, error) {
	what, point, hasPoint := strings.Cut(what, "@")
	id, root, hasRoot := strings.Cut(what, ":")
	switch {
	case !strings.HasPrefix(id, "fs-"):
		return Volume{}, fmt.Errorf("%q is no file system of EFS, such as fs-0123456789abcdef0", id)
	case hasRoot && !path.IsAbs(root):
		return Volume{}, fmt.Errorf("%q is not an absolute path", root)
	case hasPoint && !strings.HasPrefix(point, "fsap-"):
		return Volume{}, fmt.Errorf("%q is no access point of EFS, such as fsap-0123456789abcdef0", point)
	case hasPoint && hasRoot: // https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSVolumeConfiguration.html
		return Volume{}, fmt.Errorf("an access point has a directory of its own: leave out %q", root)
	}
	v := &EFSVolume{ID: id, Root: root, Transit: "ENABLED"}
	if hasPoint {
		v.Access = &EFSAccess{Point: point, IAM: "ENABLED"}
	}
	return Volume{EFS: v}, nil
}

// lustreVolume is where a node has FSx for Lustre mounted: Batch has no volume of that kind.
func lustreVolume(what string) (Volume, error) {
	if !path.IsAbs(what) {
		return Volume{}, fmt.Errorf("%q is not where the node has it mounted", what)
	}
	return Volume{Host: &SourcePath{path.Clean(what)}}, nil
}

// s3FilesVolume is ARN[:/ROOT].
func s3FilesVolume(what string) (Volume, error) {
	arn, root := what, ""
	if i := strings.LastIndex(what, ":/"); i >= 0 {
		arn, root = what[:i], what[i+1:]
	}
	if !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":s3files:") {
		return Volume{}, fmt.Errorf("%q is no ARN of a file system of S3 Files", arn)
	}
	return Volume{S3Files: &S3FilesVolume{ARN: arn, Root: root}}, nil
}

// CheckShared is an error, with the cause Usage, where a directory of a job in place is on no shared file system.
func CheckShared(shared []Shared, dirs []string) error {
	var missing []string
	for _, d := range dirs {
		on := false
		for _, s := range shared {
			on = on || subpath.Within(s.Path, d)
		}
		if !on {
			missing = append(missing, d)
		}
	}
	if len(missing) > 0 {
		return cause.Fail(cause.Usage, "give --efs, --lustre or --s3files WHAT=/PATH for them", "on no shared file system: %s", strings.Join(missing, ", "))
	}
	return nil
}

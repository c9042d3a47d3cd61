package batch_test

import (
	"reflect"
	"testing"

	"github.com/genepattern/ferry/scheduler/batch"
)

// sids are the names of a policy's statements, each with its resources.
func sids(t *testing.T, in batch.PolicyInput) (names []string, resources map[string][]string) {
	t.Helper()
	p, err := batch.NewPolicy(in)
	if err != nil {
		t.Fatal(err)
	}
	resources = map[string][]string{}
	for _, s := range p.Statements {
		names = append(names, s.Sid)
		resources[s.Sid] = s.Resource
	}
	return names, resources
}

// A role gets what the input asks for and no more.
func TestPolicy(t *testing.T) {
	in := batch.DefaultPolicy()
	in.Bucket = "gp"
	names, resources := sids(t, in)
	if want := []string{"List", "Transfer"}; !reflect.DeepEqual(names, want) {
		t.Errorf("statements %q, want %q", names, want)
	}
	if want := []string{"arn:aws:s3:::gp/*"}; !reflect.DeepEqual(resources["Transfer"], want) {
		t.Errorf("transfers of %q, want %q", resources["Transfer"], want)
	}

	in.Prefix, in.Partition, in.KMSKey, in.Repositories, in.Freeze = "/beta/", "aws-cn", "arn:key", []string{"genepattern/*"}, true
	names, resources = sids(t, in)
	if want := []string{"List", "Transfer", "Encryption", "Login", "Pull", "Freeze"}; !reflect.DeepEqual(names, want) {
		t.Errorf("statements %q, want %q", names, want)
	}
	for sid, want := range map[string]string{
		"List": "arn:aws-cn:s3:::gp", "Transfer": "arn:aws-cn:s3:::gp/beta/*", "Encryption": "arn:key", "Freeze": "arn:aws-cn:ecr:*:*:repository/genepattern/*",
	} {
		if !reflect.DeepEqual(resources[sid], []string{want}) {
			t.Errorf("%s of %q, want %q", sid, resources[sid], want)
		}
	}
}

func TestBadPolicies(t *testing.T) {
	for flag, in := range map[string]batch.PolicyInput{
		"--bucket":     {Bucket: "a/b"},
		"--prefix":     {Bucket: "b", Prefix: "${aws:username}"},
		"--freeze":     {Bucket: "b", Freeze: true},
		"--repository": {Bucket: "b", Repositories: []string{"host:5000/name"}},
	} {
		_, err := batch.NewPolicy(in)
		refused(t, err, flag)
	}
}

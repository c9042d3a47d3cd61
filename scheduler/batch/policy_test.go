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
	if want := []string{"List", "Transfer", "Remove"}; !reflect.DeepEqual(names, want) {
		t.Errorf("statements %q, want %q", names, want)
	}
	if want := []string{"arn:aws:s3:::gp/*"}; !reflect.DeepEqual(resources["Transfer"], want) {
		t.Errorf("transfers of %q, want %q", resources["Transfer"], want)
	}

	in.Prefix, in.Partition, in.KMSKey, in.Repositories, in.Freeze = "/beta/", "aws-cn", "arn:aws-cn:kms:cn-north-1:123456789012:key/1", []string{"genepattern/*"}, true
	names, resources = sids(t, in)
	if want := []string{"List", "Transfer", "Remove", "Encryption", "Login", "Pull", "Freeze"}; !reflect.DeepEqual(names, want) {
		t.Errorf("statements %q, want %q", names, want)
	}
	for sid, want := range map[string]string{
		"List": "arn:aws-cn:s3:::gp", "Transfer": "arn:aws-cn:s3:::gp/beta/*", "Encryption": "arn:aws-cn:kms:cn-north-1:123456789012:key/1", "Freeze": "arn:aws-cn:ecr:*:*:repository/genepattern/*",
	} {
		if !reflect.DeepEqual(resources[sid], []string{want}) {
			t.Errorf("%s of %q, want %q", sid, resources[sid], want)
		}
	}
}

func TestBadPolicies(t *testing.T) {
	for _, c := range []struct {
		flag  string
		spoil func(*batch.PolicyInput)
	}{
		{"--bucket", func(in *batch.PolicyInput) { in.Bucket = "" }},
		{"--bucket", func(in *batch.PolicyInput) { in.Bucket = "a/b" }},
		{"--bucket", func(in *batch.PolicyInput) { in.Bucket = "my*" }},
		{"--prefix", func(in *batch.PolicyInput) { in.Prefix = "${aws:username}" }},
		{"--prefix", func(in *batch.PolicyInput) { in.Prefix = "be?a" }},
		{"--freeze", func(in *batch.PolicyInput) { in.Freeze = true }},
		{"--repository", func(in *batch.PolicyInput) { in.Repositories = []string{"host:5000/name"} }},
		{"--repository", func(in *batch.PolicyInput) { in.Repositories = []string{"*"} }},
		{"--repository", func(in *batch.PolicyInput) { in.Repositories = []string{"a*b"} }},
		{"--repository", func(in *batch.PolicyInput) { in.Repositories = []string{"Upper/case"} }},
		{"--kms-key", func(in *batch.PolicyInput) { in.KMSKey = "*" }},
		{"--kms-key", func(in *batch.PolicyInput) { in.KMSKey = "arn:aws:kms:us-east-1:123456789012:key/*" }},
		{"--kms-key", func(in *batch.PolicyInput) { in.KMSKey = "arn:aws:s3:::bucket" }},
		{"--account", func(in *batch.PolicyInput) { in.Account = "*" }},
		{"--region", func(in *batch.PolicyInput) { in.Region = "us-*" }},
		{"--partition", func(in *batch.PolicyInput) { in.Partition = "*" }},
	} {
		in := batch.DefaultPolicy()
		in.Bucket = "bucket"
		c.spoil(&in)
		_, err := batch.NewPolicy(in)
		refused(t, err, c.flag)
	}
	for _, name := range []string{"genepattern/*", "gp/tool-1.2", "gp*", "a/b_c/d"} {
		in := batch.DefaultPolicy()
		in.Bucket, in.Repositories = "bucket", []string{name}
		if _, err := batch.NewPolicy(in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

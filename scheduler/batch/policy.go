package batch

import (
	"fmt"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// A PolicyInput is what a policy is made from. Each field is the flag of `ferry jobdef --iam` with its name.
type PolicyInput struct {
	Bucket       string   // required
	Prefix       string   // key prefix of the remote root; "" for the whole bucket
	Repositories []string // names of ECR repositories that module images come from, * at the end for all that begin so
	Freeze       bool     // also create those repositories and push to them
	KMSKey       string   // ARN of the key that encrypts the bucket, or ""
	Partition    string   // aws, aws-cn or aws-us-gov
}

// DefaultPolicy has the values that hold where nobody gives others.
func DefaultPolicy() PolicyInput { return PolicyInput{Partition: "aws"} }

// An IAM policy:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type (
	// A Policy is the whole document.
	Policy struct {
		Version    string
		Statements []Statement `json:"Statement"`
	}
	// A Statement allows actions on resources.
	Statement struct {
		Sid       string
		Effect    string
		Action    []string
		Resource  []string
		Condition map[string]map[string][]string `json:",omitempty"`
	}
)

// NewPolicy makes the least that a job's role needs: to list and read below the remote root, to write there, and to pull
// the module images that are in ECR. Its errors have the cause Usage, and name the flag of `ferry jobdef` that is wrong.
func NewPolicy(in PolicyInput) (*Policy, error) {
	prefix := strings.Trim(in.Prefix, "/")
	if in.Bucket == "" || strings.ContainsAny(in.Bucket, "/:*?") {
		return nil, cause.Fail(cause.Usage, "ferry jobdef --iam --bucket BUCKET --prefix PREFIX --repository NAME", "--bucket: %q is no bucket's name", in.Bucket)
	}
	if strings.ContainsAny(prefix, "*?$") {
		return nil, cause.Fail(cause.Usage, "", "--prefix: %q has a character with a meaning in policies", prefix)
	}
	s3 := "arn:" + in.Partition + ":s3:::" + in.Bucket
	list := allow("List", []string{"s3:ListBucket"}, s3)
	objects := s3 + "/*"
	if prefix != "" {
		list.Condition = map[string]map[string][]string{"StringLike": {"s3:prefix": {prefix + "/*"}}}
		objects = s3 + "/" + prefix + "/*"
	}
	p := &Policy{Version: "2012-10-17", Statements: []Statement{list,
		allow("Transfer", []string{"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"}, objects),
	}}
	if in.KMSKey != "" {
		p.Statements = append(p.Statements, allow("Encryption", []string{"kms:Decrypt", "kms:GenerateDataKey"}, in.KMSKey))
	}
	images, err := in.repositories()
	if err != nil {
		return nil, err
	}
	p.Statements = append(p.Statements, images...)
	return p, nil
}

// repositories are the statements about module images.
func (in PolicyInput) repositories() ([]Statement, error) {
	if len(in.Repositories) == 0 {
		if in.Freeze {
			return nil, cause.Fail(cause.Usage, "such as --repository 'genepattern/*'", "--freeze needs a --repository to push to")
		}
		return nil, nil
	}
	var arns []string
	for _, n := range in.Repositories {
		if n == "" || strings.ContainsAny(n, ":?$ ") {
			return nil, cause.Fail(cause.Usage, "", "--repository: %q is no repository's name", n)
		}
		arns = append(arns, fmt.Sprintf("arn:%s:ecr:*:*:repository/%s", in.Partition, n))
	}
	all := []Statement{
		// This one cannot be narrowed: a login is for the whole registry.
		allow("Login", []string{"ecr:GetAuthorizationToken"}, "*"),
		allow("Pull", []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, arns...),
	}
	if in.Freeze {
		all = append(all, allow("Freeze", []string{"ecr:CreateRepository", "ecr:DescribeRepositories", "ecr:InitiateLayerUpload",
			"ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}, arns...))
	}
	return all, nil
}

func allow(sid string, actions []string, resources ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

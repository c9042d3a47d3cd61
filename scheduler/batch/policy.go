package batch

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/genepattern/ferry/cause"
)

// A PolicyInput is what a policy is made from. Each field is the flag of `ferry jobdef --iam` with its name.
type PolicyInput struct {
	Bucket       string   // required
	Prefix       string   // key prefix of the remote root; "" for the whole bucket
	Repositories []string // names of ECR repositories that module images come from, * at the end for all that begin so
	Freeze       bool     // also create those repositories and push to them
	KMSKey       string   // ARN of the key that encrypts the bucket, or ""
	Partition    string   // aws, aws-cn or aws-us-gov, for instance
	Account      string   // number of the account that bucket and repositories are in; "" for any
	Region       string   // of the repositories; "" for any
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

// NewPolicy makes the least that a job's role needs: to list and read below the remote root, to write there, to remove what only
// ferry wrote, and to pull the module images that are in ECR. Its errors have the cause Usage, and name the flag of `ferry jobdef`
// that is wrong. A test compares its actions with the calls in the code.
func NewPolicy(in PolicyInput) (*Policy, error) {
	in.Prefix = strings.Trim(in.Prefix, "/")
	if err := in.validate(); err != nil {
		return nil, err
	}
	p := &Policy{Version: "2012-10-17", Statements: in.storage()}
	if in.KMSKey != "" {
		key, err := in.encryption()
		if err != nil {
			return nil, err
		}
		p.Statements = append(p.Statements, key)
	}
	images, err := in.repositories()
	if err != nil {
		return nil, err
	}
	p.Statements = append(p.Statements, images...)
	return p, nil
}

// storage are the statements about the bucket.
func (in PolicyInput) storage() []Statement {
	s3 := "arn:" + in.Partition + ":s3:::" + in.Bucket
	below := s3 + "/"
	list := allow("List", []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, s3)
	if in.Prefix != "" {
		list = list.where("StringLike", "s3:prefix", in.Prefix+"/*")
		below += in.Prefix + "/"
	}
	all := []Statement{list,
		allow("Transfer", []string{"s3:GetObject", "s3:GetObjectAttributes", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}, below+"*"),
		// An older attempt's exit code, which is kept under another name, and what `ferry doctor` has put there to see whether it can.
		allow("Remove", []string{"s3:DeleteObject"}, below+"*/exit_code.txt", below+".ferry-doctor-*"),
	}
	if in.Account != "" {
		for i := range all { // a bucket of this name in another account is not the one that was meant
			all[i] = all[i].where("StringEquals", "s3:ResourceAccount", in.Account)
		}
	}
	return all
}

// encryption is the statement about the bucket's key. Only S3 may use it for the job.
func (in PolicyInput) encryption() (Statement, error) {
	key, err := arn.Parse(in.KMSKey)
	if err != nil || key.Service != "kms" || key.Partition != in.Partition || !keyID.MatchString(key.Resource) || key.Region == "" || !digits.MatchString(key.AccountID) {
		return Statement{}, cause.Fail(cause.Usage, "such as arn:aws:kms:us-east-1:123456789012:key/ID", "--kms-key: %q is no ARN of a key in %s", in.KMSKey, in.Partition)
	}
	return allow("Encryption", []string{"kms:Decrypt", "kms:GenerateDataKey"}, in.KMSKey).where("StringLike", "kms:ViaService", "s3."+key.Region+".*"), nil
}

// The names that AWS allows. A "*" in a name would mean more than it says.
var (
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and what older buckets have
	bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	digits     = regexp.MustCompile(`^[0-9]+$`)
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	keyID      = regexp.MustCompile(`^key/[A-Za-z0-9-]+$`)
	// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html, * at the end for all that begin so
	repositoryName = regexp.MustCompile(`^[a-z0-9]+([._/-]+[a-z0-9]+)*([._/-]?\*)?$`)
	partitions     = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}
)

func (in PolicyInput) validate() error {
	if !bucketName.MatchString(in.Bucket) {
		return cause.Fail(cause.Usage, "ferry jobdef --iam --bucket BUCKET --prefix PREFIX --repository NAME", "--bucket: %q is no bucket's name", in.Bucket)
	}
	if strings.ContainsAny(in.Prefix, "*?$\x00\n") {
		return cause.Fail(cause.Usage, "", "--prefix: %q has a character with a meaning in policies", in.Prefix)
	}
	if in.Account != "" && !accountID.MatchString(in.Account) {
		return cause.Fail(cause.Usage, "such as 123456789012", "--account: %q is no account's number", in.Account)
	}
	if in.Region != "" && !regionName.MatchString(in.Region) {
		return cause.Fail(cause.Usage, "such as us-east-1", "--region: %q is no region's name", in.Region)
	}
	if !slices.Contains(partitions, in.Partition) {
		return cause.Fail(cause.Usage, "", "--partition: %q is none of %s", in.Partition, strings.Join(partitions, ", "))
	}
	return nil
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
		if !repositoryName.MatchString(n) {
			return nil, cause.Fail(cause.Usage, "such as genepattern/*", "--repository: %q is no repository's name", n)
		}
		arns = append(arns, fmt.Sprintf("arn:%s:ecr:%s:%s:repository/%s", in.Partition, cmp.Or(in.Region, "*"), cmp.Or(in.Account, "*"), n))
	}
	all := []Statement{
		// This one cannot be narrowed: a login is for the whole registry.
		allow("Login", []string{"ecr:GetAuthorizationToken"}, "*"),
		allow("Pull", []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, arns...),
	}
	if in.Freeze {
		all = append(all, allow("Freeze", []string{"ecr:DescribeRepositories", "ecr:CreateRepository", "ecr:TagResource", "ecr:BatchCheckLayerAvailability",
			"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}, arns...))
	}
	return all, nil
}

func allow(sid string, actions []string, resources ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: resources}
}

// where is the statement with one condition more.
func (s Statement) where(test, key, value string) Statement {
	all := map[string]map[string][]string{}
	for t, keys := range s.Condition {
		all[t] = maps.Clone(keys)
	}
	if all[test] == nil {
		all[test] = map[string][]string{}
	}
	all[test][key] = []string{value}
	s.Condition = all
	return s
}

package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/batch"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
)

const (
	// contentParameter is a parameter of each definition that ferry makes: the digest of what is in it. A definition without it is
	// not ferry's.
	contentParameter = "ferry-content"
	// maxName is what Batch takes.
	maxName = 128
)

// definition is the one that jobs are submitted with: the user's own, as it is, or ferry's for the transfer image, which is registered
// where it is missing or different.
func (q *Queue) definition(ctx context.Context) (string, error) {
	if own := q.host.Setting("definition"); own != "" {
		return own, nil
	}
	image := q.host.Setting("transfer-image")
	if image == "" {
		return "", cause.Fail(cause.Usage, "the image that `make image` builds, where AWS Batch can pull it", "--to batch needs --transfer-image, or --definition")
	}
	in := DefaultDefinition()
	in.Image, in.Role = image, q.host.Setting("job-role")
	in.Name = definitionName(image)
	d, err := NewDefinition(in)
	if err != nil {
		return "", err
	}
	d.Container.Command = []string{"run"}
	sum := digest(d)
	d.Parameters = map[string]string{contentParameter: sum}
	switch arn, theirs, err := q.registered(ctx, in.Name, sum); {
	case err != nil:
		return "", err
	case theirs:
		return "", cause.Fail(cause.Usage, "give it with --definition to use it as it is", "the job definition %s was not made by ferry", in.Name)
	case arn != "":
		return arn, nil
	}
	return q.register(ctx, d)
}

// definitionName is the name of the definition for an image.
func definitionName(image string) string {
	name := "ferry-submit-" + strings.ReplaceAll(job.Usable(image[strings.LastIndex(image, "/")+1:]), ".", "_")
	return name[:min(len(name), maxName)]
}

func digest(d *Definition) string {
	data, err := json.Marshal(d)
	if err != nil {
		panic(err) // every field marshals
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// registered looks for the latest revision of a name. arn is "" where there is none, or where its content is another. theirs says
// that somebody else made it.
func (q *Queue) registered(ctx context.Context, name, sum string) (arn string, theirs bool, err error) {
	pages := api.NewDescribeJobDefinitionsPaginator(q.api, &api.DescribeJobDefinitionsInput{JobDefinitionName: &name, Status: aws.String("ACTIVE")})
	latest, content, found := int32(-1), "", false
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", false, q.explain(ctx, err)
		}
		for _, d := range page.JobDefinitions {
			if n := aws.ToInt32(d.Revision); n > latest {
				latest, arn = n, aws.ToString(d.JobDefinitionArn)
				content, found = d.Parameters[contentParameter]
			}
		}
	}
	switch {
	case latest < 0:
		return "", false, nil
	case !found:
		return "", true, nil
	case content != sum:
		return "", false, nil
	}
	return arn, false, nil
}

// register registers a revision. The SDK's type has the names of the document, in another case.
func (q *Queue) register(ctx context.Context, d *Definition) (string, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	in := new(api.RegisterJobDefinitionInput)
	if err := json.Unmarshal(data, in); err != nil {
		return "", fmt.Errorf("making the job definition: %w", err)
	}
	out, err := q.api.RegisterJobDefinition(ctx, in)
	if err != nil {
		return "", q.explain(ctx, err)
	}
	return aws.ToString(out.JobDefinitionArn), nil
}

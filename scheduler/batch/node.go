package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// nodeLook bounds the question what a node is. Where there is no metadata service, nobody answers.
const nodeLook = 3 * time.Second

// A Node is an EC2 instance, as its metadata service describes it. What the service does not say is "".
type Node struct {
	Type     string // such as m7i.large
	Zone     string // such as us-east-1a
	Purchase string // on-demand, spot, scheduled, capacity-block
}

// AskNode asks the metadata service what this node is. endpoint is the service's address, "" for the usual one.
func AskNode(ctx context.Context, endpoint string) (n Node, err error) {
	ctx, cancel := context.WithTimeout(ctx, nodeLook)
	defer cancel()
	client := imds.New(imds.Options{Endpoint: endpoint, Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary})
	for _, q := range []struct {
		path string
		to   *string
	}{{"instance-type", &n.Type}, {"placement/availability-zone", &n.Zone}, {"instance-life-cycle", &n.Purchase}} {
		if *q.to, err = nodeFact(ctx, client, q.path); err != nil {
			return n, fmt.Errorf("asking the instance's metadata for %s: %w", q.path, err)
		}
	}
	return n, nil
}

// nodeWord is the form of all that is asked. Something else may answer at the service's address.
var nodeWord = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

func nodeFact(ctx context.Context, client *imds.Client, path string) (string, error) {
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	defer out.Content.Close()
	data, err := io.ReadAll(io.LimitReader(out.Content, 100))
	if err == nil && !nodeWord.Match(data) {
		err = errors.New("the answer is none")
	}
	if err != nil {
		return "", err
	}
	return string(data), nil
}

package awsconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

const (
	// homeTime bounds each question about the region. Both services answer from the node, and at once where they are there.
	homeTime = 2 * time.Second
	// taskMax bounds the answer about a task, which has a part for each of its containers.
	taskMax = 1 << 20
)

// A Home is where this process runs, as far as the region goes. It asks once, and is safe for concurrent use.
type Home struct {
	once   sync.Once
	region string
}

// home is the process's.
var home Home

// Region is the region of the task or the instance that this process runs in, "" where it runs in neither. lookup finds a variable
// as os.LookupEnv does. ECS is asked first, because a container often cannot reach the instance's own service. It is safe for
// concurrent use.
func Region(lookup func(string) (string, bool)) string {
	cfg, err := load()
	if err != nil {
		return ""
	}
	return home.find(cfg, lookup)
}

func (h *Home) find(cfg aws.Config, lookup func(string) (string, bool)) string {
	h.once.Do(func() {
		// The first caller's context must not decide for all others.
		if h.region = taskRegion(context.Background(), lookup); h.region == "" {
			h.region = instanceRegion(context.Background(), cfg)
		}
	})
	return h.region
}

// taskRegion asks the agent of ECS, which AWS Batch runs jobs by.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func taskRegion(ctx context.Context, lookup func(string) (string, bool)) string {
	uri, _ := lookup("ECS_CONTAINER_METADATA_URI_V4")
	if uri == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, homeTime)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(uri, "/")+"/task", nil)
	if err != nil {
		return ""
	}
	direct := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}} // the address is the node's own
	resp, err := direct.Do(rq)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var task struct{ TaskARN string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, taskMax)).Decode(&task); err != nil {
		return ""
	}
	a, err := arn.Parse(task.TaskARN)
	if err != nil {
		return ""
	}
	return a.Region
}

// instanceRegion asks the instance, unless AWS_EC2_METADATA_DISABLED says that there is none.
func instanceRegion(ctx context.Context, cfg aws.Config) string {
	ctx, cancel := context.WithTimeout(ctx, homeTime)
	defer cancel()
	client := imds.NewFromConfig(cfg, func(o *imds.Options) {
		o.Retryer, o.EnableFallback = aws.NopRetryer{}, aws.FalseTernary
	})
	out, err := client.GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil {
		return ""
	}
	return out.Region
}

// At is the configuration with the region of this process's home, where it names no other. What has a region in its own name, such
// as a bucket, need not follow it.
func At(lookup func(string) (string, bool)) (aws.Config, error) {
	cfg, err := load()
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = Region(lookup)
	}
	return cfg, nil
}

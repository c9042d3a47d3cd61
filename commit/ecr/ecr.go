package ecr

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/genepattern/ferry/commit/registry"
	"github.com/genepattern/ferry/engine"
)

var _ registry.Issuer = (*Client)(nil)

// Client speaks to ECR. Safe for concurrent use.
type Client struct {
	// Load gives the configuration: credentials, the region at hand, endpoints. It is called for each use, because a
	// process that needs no ECR needs no AWS either.
	Load func(context.Context) (aws.Config, error)

	mu   sync.Mutex
	home string // the account's own registry, once it is known
}

// Owns implements registry.Issuer.
func (c *Client) Owns(host string) bool {
	_, _, ok := parseHost(host)
	c.mu.Lock()
	defer c.mu.Unlock()
	return ok || host == c.home && host != ""
}

// Home is the host of the registry of the account and region at hand. Where the endpoint is an emulator's, that is
// wherever it says.
func (c *Client) Home(ctx context.Context) (string, error) {
	t, err := c.token(ctx, "")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(aws.ToString(t.ProxyEndpoint))
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("ECR names its registry %q, which is no URL", aws.ToString(t.ProxyEndpoint))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.home = u.Host
	return u.Host, nil
}

// Login implements registry.Issuer. The login lasts 12 hours at most, so it is asked for anew each time.
func (c *Client) Login(ctx context.Context, host string) (user, password string, err error) {
	_, region, _ := parseHost(host)
	t, err := c.token(ctx, region)
	if err != nil {
		return "", "", err
	}
	raw, err := base64.StdEncoding.DecodeString(aws.ToString(t.AuthorizationToken))
	user, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return "", "", errors.New("ECR's login is not the base64 of user:password")
	}
	return user, password, nil
}

func (c *Client) token(ctx context.Context, region string) (types.AuthorizationData, error) {
	api, conf, err := c.api(ctx, region)
	if err != nil {
		return types.AuthorizationData{}, err
	}
	out, err := api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return types.AuthorizationData{}, explain(ctx, conf, "asking ECR for a login", err)
	}
	if len(out.AuthorizationData) == 0 {
		return types.AuthorizationData{}, errors.New("asking ECR for a login: the answer holds none")
	}
	return out.AuthorizationData[0], nil
}

// api is a client for the region, "" for the one at hand.
func (c *Client) api(ctx context.Context, region string) (*ecr.Client, aws.Config, error) {
	conf, err := c.Load(ctx)
	if err != nil {
		return nil, conf, fmt.Errorf("AWS configuration: %w", err)
	}
	if region != "" {
		conf.Region = region
	}
	if conf.Region == "" {
		return nil, conf, errors.New("no AWS region is set (AWS_REGION)")
	}
	return ecr.NewFromConfig(conf), conf, nil
}

// Ensure makes the repository unless it is there, in the registry at host, which Owns. A new one scans what is pushed
// and does not let a tag change, so that a frozen version stays what it was. engine.ErrDenied.
func (c *Client) Ensure(ctx context.Context, host, repository string) (created bool, err error) {
	account, region, known := parseHost(host)
	api, conf, err := c.api(ctx, region)
	if err != nil {
		return false, err
	}
	var id *string
	if known {
		id = &account
	}
	_, err = api.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RegistryId: id, RepositoryNames: []string{repository}})
	if err == nil {
		return false, nil
	}
	// Who may not look may still create, and is told then that it is there.
	var missing *types.RepositoryNotFoundException
	if !errors.As(err, &missing) && !denied(err) {
		return false, explain(ctx, conf, fmt.Sprintf("looking for ECR repository %q", repository), err)
	}
	_, err = api.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RegistryId: id, RepositoryName: &repository, ImageTagMutability: types.ImageTagMutabilityImmutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
		Tags:                       []types.Tag{{Key: aws.String("made-by"), Value: aws.String("ferry")}},
	})
	var exists *types.RepositoryAlreadyExistsException
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, explain(ctx, conf, fmt.Sprintf("making ECR repository %q", repository), err)
	}
	return true, nil
}

// deniedCodes are how ECR says that the caller may not.
var deniedCodes = []string{"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException",
	"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId"}

func denied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(deniedCodes, api.ErrorCode())
}

// explain says what was being done, and where it was not allowed also as whom: roles are easily mistaken.
func explain(ctx context.Context, conf aws.Config, doing string, err error) error {
	if !denied(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if who, e := sts.NewFromConfig(conf).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); e == nil {
		doing += fmt.Sprintf(" as %q", aws.ToString(who.Arn))
	}
	return fmt.Errorf("%s: %w: %w", doing, engine.ErrDenied, err)
}

package awsconfig

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// A Choice is what a command line sets in place of the machine's configuration, by the options that all commands of the AWS CLI have.
// The zero Choice leaves all as it is.
type Choice struct {
	Region, Profile string
	CABundle        string // a file of certificates, in place of the machine's
	Anonymous       bool   // requests are not signed
	Insecure        bool   // the server's certificate is not verified
}

var (
	chosenMu sync.Mutex
	chosen   = map[Choice]func() (aws.Config, error){}
)

// LoadFor is Load with a choice, and the keys for S3 beside it. Each choice is read once.
func LoadFor(ctx context.Context, c Choice) (aws.Config, S3, error) {
	conf, err := c.loadOnce(ctx)
	if err != nil {
		return conf, S3{}, err
	}
	keys, err := loadS3(c.Profile)
	return conf, keys, err
}

func (c Choice) loadOnce(ctx context.Context) (aws.Config, error) {
	if c == (Choice{}) {
		return Load(ctx)
	}
	chosenMu.Lock()
	load, ok := chosen[c]
	if !ok {
		load = sync.OnceValues(c.load)
		chosen[c] = load
	}
	chosenMu.Unlock()
	return load()
}

func (c Choice) load() (aws.Config, error) {
	var with []func(*config.LoadOptions) error
	if c.Profile != "" {
		with = append(with, config.WithSharedConfigProfile(c.Profile))
	}
	if c.Region != "" {
		with = append(with, config.WithRegion(c.Region))
	}
	if c.Anonymous {
		with = append(with, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	if c.CABundle != "" {
		f, err := os.Open(c.CABundle)
		if err != nil {
			return aws.Config{}, fmt.Errorf("reading the CA bundle: %w", err)
		}
		defer f.Close()
		with = append(with, config.WithCustomCABundle(f))
	}
	if c.Insecure {
		with = append(with, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = new(tls.Config)
			}
			t.TLSClientConfig.InsecureSkipVerify = true
		})))
	}
	return config.LoadDefaultConfig(context.Background(), with...)
}

package awsconfig

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/internal/testenv"
)

// What a command line chooses wins over the environment, which wins over nothing at all.
func TestLoadFor(t *testing.T) {
	testenv.CleanAWS(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("AWS_CONFIG_FILE", write("config", "[default]\nregion = eu-west-1\n[profile lab]\nregion = eu-west-2\ns3 =\n  max_concurrent_requests = 3\n"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", write("credentials", "[lab]\naws_access_key_id = LAB\naws_secret_access_key = x\n"))
	t.Setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	for _, c := range []struct {
		choice      Choice
		region, key string
		most        int
	}{
		{Choice{Region: "us-west-2"}, "us-west-2", "ENVIRONMENT", 0},
		{Choice{Profile: "lab"}, "eu-west-2", "LAB", 3},
		{Choice{Profile: "lab", Region: "us-west-1"}, "us-west-1", "LAB", 3},
	} {
		conf, keys, err := LoadFor(t.Context(), c.choice)
		if err != nil {
			t.Fatal(err)
		}
		got, err := conf.Credentials.Retrieve(t.Context())
		if err != nil || conf.Region != c.region || got.AccessKeyID != c.key || keys.MaxConcurrentRequests != c.most {
			t.Errorf("%+v: %s, %s, %+v, %v", c.choice, conf.Region, got.AccessKeyID, keys, err)
		}
	}
	conf, _, err := LoadFor(t.Context(), Choice{Anonymous: true, Insecure: true})
	if err != nil || !aws.IsCredentialsProvider(conf.Credentials, (*aws.AnonymousCredentials)(nil)) {
		t.Errorf("%T, %v", conf.Credentials, err)
	}
	if _, _, err := LoadFor(t.Context(), Choice{CABundle: filepath.Join(dir, "none")}); err == nil {
		t.Error("a bundle that is not there is taken")
	}
	if _, _, err := LoadFor(t.Context(), Choice{Profile: "nobody"}); err == nil {
		t.Error("a profile that is not there is taken")
	}
}

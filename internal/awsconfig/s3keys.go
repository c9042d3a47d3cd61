package awsconfig

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

// S3 has the keys of "s3 =" in a profile of the AWS configuration file, which only the AWS CLI reads, and no SDK. A zero field was not
// given. What belongs to the CLI's own machinery is passed over: max_queue_size, preferred_transfer_client, target_bandwidth and others.
// https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
type S3 struct {
	MaxConcurrentRequests int
	MultipartThreshold    int64 // in bytes
	MultipartChunksize    int64 // in bytes
	MaxBandwidth          int64 // in bytes a second
	UseAccelerateEndpoint bool
	UseDualstackEndpoint  bool
	PayloadSigningEnabled bool
	AddressingStyle       string // path, virtual or auto
}

// loadS3 reads the keys of a profile; of the environment's for "". A file that is not there has none.
func loadS3(profile string) (S3, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return S3{}, err
	}
	if profile == "" {
		profile = env.SharedConfigProfile
	}
	path := env.SharedConfigFile
	if path == "" {
		path = config.DefaultSharedConfigFilename()
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // as the SDK has it
		return S3{}, nil
	case err != nil:
		return S3{}, err
	}
	defer f.Close()
	keys, err := ReadS3(f, profile)
	if err != nil {
		return keys, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// ReadS3 reads the keys of a profile from a configuration file; of the profile "default" for "".
func ReadS3(r io.Reader, profile string) (S3, error) {
	if profile == "" {
		profile = "default"
	}
	var keys S3
	mine, nested := false, false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), " \t\r")
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		if name, ok := section(text); ok {
			mine, nested = name == profile, false
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if line[0] != ' ' && line[0] != '\t' { // only what is indented belongs to the key above it
			nested = name == "s3" && value == ""
			continue
		}
		if mine && nested {
			if err := keys.set(name, value); err != nil {
				return keys, fmt.Errorf("profile %q, s3: %s: %w", profile, name, err)
			}
		}
	}
	return keys, lines.Err()
}

// section is the profile of "[default]" or "[profile NAME]". All other sections have a name that no profile has.
func section(text string) (string, bool) {
	text, ok := strings.CutPrefix(text, "[")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(text, "]")
	words := strings.Fields(name)
	switch {
	case len(words) == 1 && words[0] == "default":
		return "default", true
	case len(words) == 2 && words[0] == "profile":
		return strings.Trim(words[1], `"'`), true
	}
	return "", true
}

func (s *S3) set(name, value string) (err error) {
	switch name {
	case "max_concurrent_requests":
		if s.MaxConcurrentRequests, err = strconv.Atoi(value); err != nil || s.MaxConcurrentRequests < 1 {
			return fmt.Errorf("%q is no number above 0", value)
		}
	case "multipart_threshold":
		s.MultipartThreshold, err = size(value)
	case "multipart_chunksize":
		s.MultipartChunksize, err = size(value)
	case "max_bandwidth":
		s.MaxBandwidth, err = rate(value)
	case "use_accelerate_endpoint":
		s.UseAccelerateEndpoint, err = truth(value)
	case "use_dualstack_endpoint":
		s.UseDualstackEndpoint, err = truth(value)
	case "payload_signing_enabled":
		s.PayloadSigningEnabled, err = truth(value)
	case "addressing_style":
		if s.AddressingStyle = value; value != "path" && value != "virtual" && value != "auto" {
			return fmt.Errorf("%q is none of path, virtual, auto", value)
		}
	}
	return err
}

// truth is true for "true" in any case, and false otherwise, as in the AWS CLI.
func truth(value string) (bool, error) { return strings.EqualFold(value, "true"), nil }

// rate reads "10MB/s" or bytes a second. v2 of the AWS CLI knows bits, too, such as "10Mb/s".
func rate(value string) (int64, error) {
	if bits, ok := strings.CutSuffix(value, "b/s"); ok {
		n, err := size(bits + "B")
		return n / 8, err
	}
	if bytes, ok := strings.CutSuffix(value, "B/s"); ok {
		return size(bytes + "B")
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no rate such as 10MB/s", value)
	}
	return n, nil
}

// units of the AWS CLI, which takes KB for KiB.
var units = []struct {
	name string
	of   int64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"tb", 1 << 40}, {"b", 1}}

func size(value string) (int64, error) {
	digits, unit := strings.ToLower(value), int64(1)
	for _, u := range units {
		if d, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = d, u.of
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 1 || n > 1<<62/unit {
		return 0, fmt.Errorf("%q is no size such as 64MB", value)
	}
	return n * unit, nil
}

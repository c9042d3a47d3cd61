package ecr

import "regexp"

// hostPattern is a private registry of any account, region and partition, in its plain, FIPS and dual-stack forms
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html).
var hostPattern = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov)$`)

// parseHost takes an ECR host apart.
func parseHost(host string) (account, region string, ok bool) {
	m := hostPattern.FindStringSubmatch(host)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

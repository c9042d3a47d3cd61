package jobs

import "slices"

// InTransferImage are the arguments of a `docker run` that has ferry work in the transfer image as AWS Batch starts it: with the
// engine's socket, and local as the local prefix. The variables of the S3 server are taken from the docker command's own.
func InTransferImage(socket, local, image string, more []string, command ...string) []string {
	return slices.Concat(
		[]string{"run", "--rm", "--network", "host", "-v", socket + ":/var/run/docker.sock", "-v", local + ":/local"},
		S3Variables, more, []string{image}, command)
}

// S3Variables are the options of `docker run` that pass the docker command's S3 server on to a container.
var S3Variables = []string{"-e", "AWS_ENDPOINT_URL", "-e", "AWS_ACCESS_KEY_ID", "-e", "AWS_SECRET_ACCESS_KEY", "-e", "AWS_REGION"}

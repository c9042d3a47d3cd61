// Package platform knows what runs a job as three containers of its own making, where ferry has no engine's socket: AWS Batch, Kubernetes
// and Compose. It prints the definition that each of them takes. It contacts nobody, and does not know how files are staged.
package platform

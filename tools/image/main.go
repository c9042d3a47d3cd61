// Command image builds the transfer image: image NAME [BINARY [DOCKER_BUILD_OPTION…]]. The binary is bin/ferry unless
// another is named, and the engine the docker command's own. `make image` runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/genepattern/ferry/internal/lab"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] == "" {
		fmt.Fprintln(os.Stderr, "usage: image NAME [BINARY [OPTION…]]")
		os.Exit(2)
	}
	binary, options := "bin/ferry", []string(nil)
	if len(os.Args) > 2 {
		binary, options = os.Args[2], os.Args[3:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := lab.BuildTransferImage(ctx, os.Args[1], binary, os.Getenv("DOCKER_HOST"), options...)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

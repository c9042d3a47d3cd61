package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/docker/go-units"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine/engines"
)

func pullCommand(w world) *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "bring an image to this node, or to the cache that a group shares, before a job needs it",
		ArgsUsage: "IMAGE",
		Description: "For nodes that reach no registry: pull on the login node, and run on the others. An image that is there already is left alone.\n" +
			"Flags stand before IMAGE.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "engine", Usage: "whose image it is: " + strings.Join(engines.Names(), ", ") + "; by default the one that answers", EnvVars: []string{"FERRY_ENGINE"}},
			&cli.StringFlag{Name: "registry", Usage: "`HOST` of the registry that the next two are for; default: that of IMAGE", EnvVars: []string{"FERRY_REGISTRY"}},
			&cli.StringFlag{Name: "registry-user", Usage: "`USER` there", EnvVars: []string{"FERRY_REGISTRY_USER"}},
			&cli.StringFlag{Name: "registry-password-file", Usage: "`FILE` with the password", EnvVars: []string{"FERRY_REGISTRY_PASSWORD_FILE"}},
			&cli.BoolFlag{Name: "json", Usage: "print what the image is as JSON"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return cause.Fail(cause.Usage, "ferry pull [--engine NAME] IMAGE", "one image is to be named")
			}
			log, err := newLog(c.String("log-format"), c.String("log-level"), w)
			if err != nil {
				return err
			}
			image := c.Args().First()
			host := cmp.Or(c.String("registry"), hostOf(strings.TrimPrefix(image, "docker://")))
			return pull(c.Context, w, pullArgs{engine: c.String("engine"), image: image, json: c.Bool("json"),
				login: registryLogin{host: host, user: c.String("registry-user"), passwordFile: c.String("registry-password-file")}}, log)
		},
	}
}

// pullArgs are the arguments of `ferry pull`.
type pullArgs struct {
	engine, image string
	login         registryLogin
	json          bool
}

// pulled is what `ferry pull --json` prints.
type pulled struct {
	Image    string `json:"image"`
	ID       string `json:"id"`
	Digest   string `json:"digest,omitempty"`
	Platform string `json:"platform,omitempty"`
	Size     int64  `json:"size_bytes"`
}

func pull(ctx context.Context, w world, a pullArgs, log zerolog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	name := cmp.Or(a.engine, engines.Detect(engineHost(w)))
	eng, err := openEngine(w, name)
	if err != nil {
		return err
	}
	if err := vocabulary().CheckImage(name, a.image); err != nil {
		return cause.Fail(cause.Usage, cause.HintOf(err), "%w", err)
	}
	login, _, err := newLogins(w, a.login, log)
	if err != nil {
		return err
	}
	img, err := eng.Image(ctx, a.image, login)
	if err != nil {
		return cause.Name(ctx, cause.Image, "", err)
	}
	if a.json {
		return json.NewEncoder(w.stdout).Encode(pulled{Image: img.Ref, ID: img.ID, Digest: img.Digest, Platform: img.Platform, Size: img.Size})
	}
	fmt.Fprintf(w.stdout, "%s %s %s\n", img.Ref, cmp.Or(img.Digest, img.ID), units.BytesSize(float64(img.Size)))
	return nil
}

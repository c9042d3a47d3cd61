package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/rs/zerolog"
)

const (
	// spotPause is between two looks. AWS recommends every 5 seconds: the notice comes 120 s ahead.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
	spotPause = 5 * time.Second
	// spotReserve is kept for the record and the process's end.
	spotReserve = 10 * time.Second
	// spotLook bounds one look.
	spotLook = 2 * time.Second
)

// A notice says when the node will be taken away.
type notice struct{ at time.Time }

// watchSpot looks for a spot interruption notice in the instance's metadata until ctx ends, and sends the first one.
func watchSpot(ctx context.Context, log zerolog.Logger, notices chan<- notice) {
	client := imds.New(imds.Options{Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary})
	tick := time.NewTicker(spotPause)
	defer tick.Stop()
	warned := false
	for {
		n, err := lookForNotice(ctx, client)
		switch {
		case err != nil && !warned && ctx.Err() == nil:
			warned = true
			log.Warn().Err(err).Msg("looking for a spot notice")
		case n != nil:
			notices <- *n
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookForNotice is nil where there is no notice, which the service says by 404.
func lookForNotice(ctx context.Context, client *imds.Client) (*notice, error) {
	ctx, cancel := context.WithTimeout(ctx, spotLook)
	defer cancel()
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: "spot/instance-action"})
	var status *awshttp.ResponseError
	if errors.As(err, &status) && status.HTTPStatusCode() == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer out.Content.Close()
	var action struct {
		Action string    `json:"action"`
		Time   time.Time `json:"time"`
	}
	if err := json.NewDecoder(io.LimitReader(out.Content, 1<<16)).Decode(&action); err != nil {
		return nil, fmt.Errorf("reading the spot notice: %w", err)
	}
	if action.Time.IsZero() {
		return nil, nil
	}
	return &notice{at: action.Time}, nil
}

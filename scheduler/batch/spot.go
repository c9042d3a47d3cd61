package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/rs/zerolog"
)

const (
	// spotPause is between two looks. AWS recommends every 5 seconds: the notice comes 120 s ahead.
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
	spotPause = 5 * time.Second
	// spotLook bounds one look.
	spotLook = 2 * time.Second
)

// A SpotNotice says that the node is taken away.
type SpotNotice struct {
	At time.Time // when
}

// WatchSpot looks for a spot interruption notice in the instance's metadata until ctx ends, and sends the first one. It
// returns after that. A look that fails is logged once, and the next one follows all the same.
func WatchSpot(ctx context.Context, log zerolog.Logger, notices chan<- SpotNotice) {
	client := imds.New(imds.Options{Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary})
	watchSpot(ctx, client, spotPause, log, notices)
}

func watchSpot(ctx context.Context, client *imds.Client, pause time.Duration, log zerolog.Logger, notices chan<- SpotNotice) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	warned := false
	for {
		n, err := lookForNotice(ctx, client)
		switch {
		case err != nil && !warned && ctx.Err() == nil:
			warned = true
			log.Warn().Err(err).Msg("looking for a spot notice")
		case n != nil:
			select {
			case notices <- *n:
			case <-ctx.Done():
			}
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
func lookForNotice(ctx context.Context, client *imds.Client) (*SpotNotice, error) {
	ctx, cancel := context.WithTimeout(ctx, spotLook)
	defer cancel()
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: "spot/instance-action"})
	var status interface{ HTTPStatusCode() int } // the client has errors of several types
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
	return &SpotNotice{At: action.Time}, nil
}

package s3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
)

// newRetryer makes the SDK's adaptive retryer. Multipart uploads use it as it is. All other requests use it through a policy and a
// pacer. So all requests share what any of them learns of the store's limits.
func newRetryer(tries int) aws.RetryerV2 {
	return sdkretry.NewAdaptiveMode(func(o *sdkretry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(o *sdkretry.StandardOptions) {
			o.MaxAttempts = tries
			o.MaxBackoff = retry.MaxBackoff
			o.Retryables = append([]sdkretry.IsErrorRetryable{sdkretry.IsErrorRetryableFunc(retryable)}, o.Retryables...)
			// The adaptive mode slows all requests down when the store asks for it. The standard mode also has a quota of
			// retries, by which some files would fail while others succeed.
			o.RateLimiter = ratelimit.None
		})
	})
}

// A policy decides as the SDK does.
type policy struct {
	sdk  aws.RetryerV2
	auth *auth
}

var _ retry.Policy = (*policy)(nil)

func (p *policy) Retryable(err error) bool { return p.sdk.IsErrorRetryable(err) }

func (p *policy) Delay(try int, err error) time.Duration {
	d, err := p.sdk.RetryDelay(try, err)
	if err != nil { // there was no chance to be had
		return retry.MaxBackoff
	}
	return d
}

var throttles = sdkretry.IsErrorThrottles(sdkretry.DefaultThrottles)

func (p *policy) Throttled(err error) bool {
	var e *Error
	return throttles.IsErrorThrottle(err) == aws.TrueTernary || errors.As(err, &e) && retry.Slower(e.Status)
}

func (p *policy) Refresh(err error) {
	var e *Error
	if errors.As(err, &e) {
		p.auth.renew(e)
	}
}

// A pacer is the SDK's adaptive rate.
type pacer struct{ sdk aws.RetryerV2 }

var _ retry.Pacer = pacer{}

func (p pacer) Wait(ctx context.Context) (release func(error) error, err error) {
	return p.sdk.GetAttemptToken(ctx)
}

// retryable adds to what the SDK's retryer knows.
func retryable(err error) aws.Ternary {
	// A deadline is as likely that of a connection in the making, whose timeout says that it is context.DeadlineExceeded:
	// whether the request's own has passed is asked of its context.
	if errors.Is(err, context.Canceled) {
		return aws.FalseTernary
	}
	var e *Error
	if !errors.As(err, &e) {
		return aws.UnknownTernary
	}
	switch e.Code {
	case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeTooSkewed", "ExpiredToken", "BadDigest", "XAmzContentSHA256Mismatch", "OperationAborted":
		return aws.TrueTernary
	}
	// Whatever kept an answer from coming may have passed. The SDK knows some such errors only.
	if e.Status == 0 && e.Kind == store.ErrUnreachable {
		return aws.BoolTernary(!retry.Permanent(err))
	}
	if retry.Broken(err) || e.Status == http.StatusTooManyRequests {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

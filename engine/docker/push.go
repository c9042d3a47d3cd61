package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"

	"github.com/genepattern/ferry/engine"
)

// pushTries and pushPause bound what a registry's hiccup may cost: pauses of about 1 and 2 seconds, besides the five tries
// in a minute that the engine itself gives each layer.
const (
	pushTries = 3
	pushPause = time.Second
)

// Resolve asks ref's registry for the digest of its manifest, "sha256:…". engine.ErrNoImage, engine.ErrDenied,
// engine.ErrUnavailable.
func (i *images) Resolve(ctx context.Context, ref string, login engine.Login) (string, error) {
	auth, err := i.auth(ctx, ref, login)
	if err != nil {
		return "", fmt.Errorf("logging in to look for %q: %w: %w", ref, engine.ErrDenied, err)
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", ref, err)
	}
	ref = reference.TagNameOnly(named).String()
	d, err := i.conn.cli.DistributionInspect(ctx, ref, auth)
	switch {
	case err == nil:
		return d.Descriptor.Digest.String(), nil
	case errdefs.IsNotFound(err):
		return "", fmt.Errorf("looking for %q: %w", ref, engine.ErrNoImage)
	case errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		return "", fmt.Errorf("looking for %q: %w: %w", ref, engine.ErrDenied, err)
	case auth == "" && !gone(err) && ctx.Err() == nil && i.refused(ctx, ref, auth):
		return "", fmt.Errorf("looking for %q: %w: it wants a login and there is none: %w", ref, engine.ErrDenied, err)
	}
	return "", i.conn.explain(fmt.Sprintf("looking for %q", ref), err)
}

// Push sends the image ref to its registry. It tries again what may pass: anything but a registry's refusal, and a
// refusal once, with a fresh login, because the first may have expired. A registry that is busy is waited for, see rest, and that
// counts as no try. engine.ErrDenied, engine.ErrUnavailable, engine.ErrBusy.
func (i *images) Push(ctx context.Context, ref string, login engine.Login, progress func(engine.Progress)) (engine.Pushed, error) {
	denied, counted, busyness := false, 1, wait{rest: i.rest}
	for try := 1; ; try++ {
		p, err := i.push(ctx, ref, login, try, progress)
		if err == nil {
			return p, nil
		}
		refused := errors.Is(err, engine.ErrDenied)
		var final *refusal
		if ctx.Err() != nil || refused && denied || !refused && errors.As(err, &final) || errors.Is(err, engine.ErrUnavailable) {
			return p, err
		}
		pause := pushPause << (counted - 1)
		pause = pause/2 + rand.N(pause)
		if isBusy(err, nil) {
			var ok bool
			if pause, ok = busyness.next(ask(ctx, ref)); !ok {
				return p, busy("pushing", ref, busyness.waited, err)
			}
		} else {
			if counted++; counted > pushTries {
				return p, err
			}
			denied = refused
		}
		if progress != nil {
			progress(engine.Progress{Status: "trying again: " + err.Error(), Try: try})
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// noLogin is {}: the engine demands a login for a push, be it an empty one.
const noLogin = "e30="

// push is one try.
func (i *images) push(ctx context.Context, ref string, login engine.Login, try int, progress func(engine.Progress)) (engine.Pushed, error) {
	p := engine.Pushed{Tries: try}
	auth, err := i.auth(ctx, ref, login)
	if err != nil {
		return p, fmt.Errorf("logging in to push %q: %w: %w", ref, engine.ErrDenied, err)
	}
	out, err := i.conn.cli.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: cmp.Or(auth, noLogin)})
	if err != nil {
		return p, i.explainPush(ctx, ref, auth, err)
	}
	defer out.Close()
	sent := map[string]int64{} // by layer
	err = drain(out, func(m jsonmessage.JSONMessage) {
		var r types.PushResult
		if m.Aux != nil && json.Unmarshal(*m.Aux, &r) == nil && r.Digest != "" {
			p.Digest = r.Digest
		}
		step := engine.Progress{Layer: m.ID, Status: m.Status, Try: try}
		if m.Progress != nil {
			step.Current, step.Total = m.Progress.Current, m.Progress.Total
			sent[m.ID] = max(sent[m.ID], step.Current)
		}
		if progress != nil {
			progress(step)
		}
	})
	for n := range maps.Values(sent) {
		p.Bytes += n
	}
	if err != nil {
		return p, i.explainPush(ctx, ref, auth, err)
	}
	return p, nil
}

// A refusal is a registry's answer that another try does not change.
type refusal struct{ code string }

func (r *refusal) Error() string { return "the registry refuses: " + r.code }

// deniedCodes and refusalCodes are error codes of the registry protocol, as the distribution specification lists them
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes), and TAG_INVALID, which ECR answers
// for a tag that is there in a repository whose tags are immutable.
var (
	deniedCodes  = []string{"denied", "unauthorized"}
	refusalCodes = []string{"tag invalid", "name invalid", "name unknown", "manifest invalid", "unsupported"}
)

// explainPush tells a registry's refusals from what may pass. A push fails after the engine has answered 200, and then it
// forwards the registry's error as one text that begins with the protocol's code: that code is what is read here.
func (i *images) explainPush(ctx context.Context, ref, auth string, err error) error {
	doing := fmt.Sprintf("pushing %q", ref)
	var m *jsonmessage.JSONError
	if !errors.As(err, &m) {
		return i.conn.explain(doing, err)
	}
	code := protocolCode(m.Message)
	switch {
	case code == busyCode: // it is not asked again for now
		return i.conn.explain(doing, err)
	case slices.Contains(deniedCodes, code):
		return fmt.Errorf("%s: %w: %w", doing, engine.ErrDenied, err)
	case slices.Contains(refusalCodes, code):
		return fmt.Errorf("%s: %w", doing, errors.Join(&refusal{code}, err))
	}
	if i.refused(ctx, ref, auth) {
		return fmt.Errorf("%s: %w: %w", doing, engine.ErrDenied, err)
	}
	return i.conn.explain(doing, err)
}

// refused says that ref's registry does not take the login auth, "" for none, asking it again in a way that is answered
// by a status. Without a login the engine does not ask at all where one is wanted, and says so in words of its own: then
// one that nobody has does the asking.
func (i *images) refused(ctx context.Context, ref, auth string) bool {
	if auth == "" {
		var err error
		if auth, err = registry.EncodeAuthConfig(registry.AuthConfig{Username: "anonymous", Password: "anonymous"}); err != nil {
			return false
		}
	}
	_, err := i.conn.cli.DistributionInspect(ctx, ref, auth)
	return errdefs.IsUnauthorized(err) || errdefs.IsPermissionDenied(err)
}

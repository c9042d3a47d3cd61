package wrapper

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/genepattern/ferry/engine"
)

// ReachName is the hidden command of ferry that says which addresses it reaches.
const ReachName = "internal-reach"

// metadataServices are where clouds give a node's credentials to whoever asks: EC2 and others, ECS and AWS Batch, EC2 by IPv6.
var metadataServices = []string{"169.254.169.254:80", "169.254.170.2:80", "[fd00:ec2::254]:80"}

// reachHint is for a node whose credentials a module reaches.
const reachHint = "a module could take this node's rights: use --network ferry or none, and set IMDSv2 with a hop limit of 1 (docs/engines.md)"

// network checks whether a module on the network could reach what gives the node's credentials.
func (d *doctor) network(ctx context.Context) Check {
	const name = "network"
	net := d.job.Container.Network
	p, ok := engine.ProberOf(d.deps.Engine)
	if !ok {
		return good(name, "not looked at: a module of this engine is on ferry's own network")
	}
	said, err := p.Probe(ctx, net, append([]string{ReachName}, d.services...)...)
	if errors.Is(err, engine.ErrProbe) {
		return good(name, "not known what a module on %q reaches: %v", net, err)
	}
	if err != nil {
		return bad(name, fmt.Errorf("not known what a module on %q reaches: %w", net, err), "")
	}
	if reached := strings.Fields(said); len(reached) > 0 {
		return bad(name, fmt.Errorf("a module on %q reaches %s", net, strings.Join(reached, ", ")), reachHint)
	}
	return good(name, "a module on %q reaches none of %s", net, strings.Join(d.services, ", "))
}

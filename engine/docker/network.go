package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// ownNetwork is engine.OwnNetwork. Whichever job comes first makes it, and it stays: a network for each job would take as long as a
// container does, and an engine has room for some thirty.
const ownNetwork = engine.OwnNetwork

// optionTalk is an option of Docker's bridge driver: whether containers reach each other.
const optionTalk = "com.docker.network.bridge.enable_icc"

// deadEnd is an address of the link-local block, RFC 3927's 169.254.0.0/16, at which clouds keep a node's credentials. Every container on
// ferry's network has it beside its own. With it the container's only way to the whole block is that network itself, where nobody has any
// other address of it and nobody passes requests on. It may be the same for all of them: containers do not reach each other there. It
// is of a part of the block that no cloud uses.
const deadEnd = "169.254.128.1"

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// networkLabel marks the networks that ferry made.
const networkLabel = "ferry.network"

// networks are the networks of an engine.
type networks struct {
	conn *conn
	// localNames says that the node finds names at a link-local address, which must then stay open to modules.
	localNames bool
	podman     bool
}

// own finds or makes ferry's network, as its ID: several processes that make it at the same time may make two of one name, of which each
// process takes the same one.
func (n *networks) own(ctx context.Context) (string, error) {
	if n.podman {
		return n.podmansOwn(ctx)
	}
	return n.find(ctx, ownNetwork, network.CreateOptions{Driver: "bridge", Options: map[string]string{optionTalk: "false"}})
}

// joining is how a container joins ferry's network.
func (n *networks) joining(own string) *network.NetworkingConfig {
	if n.localNames || n.podman { // Podman knows no such addresses
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
		own: {IPAMConfig: &network.EndpointIPAMConfig{LinkLocalIPs: []string{deadEnd}}},
	}}
}

// find finds a network or makes it, as its ID.
func (n *networks) find(ctx context.Context, name string, options network.CreateOptions) (string, error) {
	found, err := n.look(ctx, name, options)
	if found != "" || err != nil {
		return found, err
	}
	options.Labels = map[string]string{networkLabel: "1"}
	no := false
	options.EnableIPv6 = &no // whatever the engine's own default is
	made, failed := n.conn.cli.NetworkCreate(ctx, name, options)
	if failed != nil && gone(failed) {
		return "", n.explain(name, failed)
	}
	found, err = n.look(ctx, name, options) // another process may have made it
	if err != nil {
		return "", err
	}
	if found == "" {
		return "", n.explain(name, failed)
	}
	if made.ID != "" && found != made.ID {
		_ = n.conn.cli.NetworkRemove(ctx, made.ID) // nobody else takes it
	}
	return found, nil
}

func (n *networks) explain(name string, err error) error {
	err = n.conn.explain(fmt.Sprintf("making the network %q for modules", name), err)
	if gone(err) || errors.Is(err, engine.ErrDisk) {
		return err
	}
	return &cause.Error{Cause: cause.Launch, Hint: "give --network bridge, on which jobs reach each other, or --network none", Err: err}
}

// look finds a network by its name, as its ID; "" where there is none.
func (n *networks) look(ctx context.Context, name string, want network.CreateOptions) (string, error) {
	list, err := n.conn.cli.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		return "", n.conn.explain("listing networks", err)
	}
	return oldest(list, name, want)
}

// oldest finds the oldest network of the name, so that every process finds the same. A network of another kind is refused: on it
// jobs would reach each other.
func oldest(list []network.Summary, name string, want network.CreateOptions) (string, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(s network.Summary) bool { return s.Name != name })
	if len(list) == 0 {
		return "", nil
	}
	first := slices.MinFunc(list, func(a, b network.Summary) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	if first.EnableIPv6 {
		return "", cause.Fail(cause.Refused, "remove it, and ferry makes its own; or name another --network",
			"the network %q on this node has IPv6, by which many engines let jobs reach each other, and the node's credentials at fd00:ec2::254", name)
	}
	for option, value := range want.Options {
		if first.Options[option] != value {
			return "", cause.Fail(cause.Refused, "remove it, and ferry makes its own; or name another --network",
				"the network %q on this node has not the option %s=%s, without which jobs are not kept apart", name, option, value)
		}
	}
	return first.ID, nil
}

// asksLinkLocal says whether a resolv.conf has a name server at a link-local address, as Google's cloud does: a module would find no name
// any more if that were closed.
func asksLinkLocal(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "nameserver" {
			if a, err := netip.ParseAddr(words[1]); err == nil && linkLocal.Contains(a.Unmap()) {
				return true
			}
		}
	}
	return false
}

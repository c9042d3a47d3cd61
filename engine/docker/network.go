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
	"github.com/docker/docker/api/types/versions"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// The two networks of engine.OwnNetwork. Whichever job comes first makes them, and they stay: a network for each job would take as long
// as a container does, and an engine has room for some thirty.
const (
	ownNetwork = engine.OwnNetwork
	// deadEnd has the link-local addresses, at which clouds keep a node's credentials, and nobody is there. It has no address on the
	// node, so the node's own way to those addresses stays as it is.
	deadEnd = "ferry-linklocal"
)

// Options of Docker's bridge driver.
const (
	optionTalk    = "com.docker.network.bridge.enable_icc"
	optionInhibit = "com.docker.network.bridge.inhibit_ipv4"
)

// linkLocal is RFC 3927's block. Containers get addresses of a part that no cloud uses.
const linkLocal, linkLocalUsed = "169.254.0.0/16", "169.254.128.0/20"

// inhibits is the Engine API's version from which engines are known to keep an address of a network off the node.
const inhibits = "1.41"

// networkLabel marks the networks that ferry made.
const networkLabel = "ferry.network"

// networks are the networks of an engine.
type networks struct {
	conn *conn
	// localNames says that the node finds names at a link-local address, which must then stay open to modules.
	localNames bool
	podman     bool
}

// own finds or makes ferry's networks, as their IDs: several processes that make them at the same time may make two of one name, of
// which each process takes the same one. dead is "" where there is to be none.
func (n *networks) own(ctx context.Context) (own, dead string, err error) {
	if n.podman {
		own, err = n.podmansOwn(ctx)
		return own, "", err
	}
	ownOptions := network.CreateOptions{Driver: "bridge", Options: map[string]string{optionTalk: "false"}}
	deadOptions := network.CreateOptions{
		Driver: "bridge", Internal: true, Options: map[string]string{optionTalk: "false", optionInhibit: "true"},
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: linkLocal, IPRange: linkLocalUsed}}},
	}
	there, err := n.list(ctx, ownNetwork, deadEnd) // both by one request, which is all that most jobs need
	if err != nil {
		return "", "", err
	}
	if own, err = oldest(there, ownNetwork, ownOptions); own == "" && err == nil {
		own, err = n.find(ctx, ownNetwork, ownOptions)
	}
	if err != nil || n.localNames {
		return own, "", err
	}
	if dead, err = oldest(there, deadEnd, deadOptions); dead == "" && err == nil {
		dead, err = n.find(ctx, deadEnd, deadOptions)
	}
	return own, dead, err
}

// find finds a network or makes it, as its ID; "" where this engine cannot make it safely.
func (n *networks) find(ctx context.Context, name string, options network.CreateOptions) (string, error) {
	found, err := n.look(ctx, name, options)
	if found != "" || err != nil {
		return found, err
	}
	if options.Options[optionInhibit] != "" {
		if ok, err := n.canInhibit(ctx); !ok || err != nil {
			return "", err
		}
	}
	options.Labels = map[string]string{networkLabel: "1"}
	no := false
	options.EnableIPv6 = &no // whatever the engine's own default is
	made, failed := n.conn.cli.NetworkCreate(ctx, name, options)
	if failed != nil && gone(failed) {
		return "", n.explain(name, failed)
	}
	found, err = n.look(ctx, name, options) // another process may have made it
	switch {
	case err != nil:
		return "", err
	case found != "":
	case options.Internal: // the addresses may be another network's
		return "", nil
	default:
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

// list lists networks whose names have one of these in them.
func (n *networks) list(ctx context.Context, names ...string) ([]network.Summary, error) {
	by := filters.NewArgs()
	for _, name := range names {
		by.Add("name", name)
	}
	list, err := n.conn.cli.NetworkList(ctx, network.ListOptions{Filters: by})
	if err != nil {
		return nil, n.conn.explain("listing networks", err)
	}
	return list, nil
}

// look finds a network by its name, as its ID; "" where there is none.
func (n *networks) look(ctx context.Context, name string, want network.CreateOptions) (string, error) {
	list, err := n.list(ctx, name)
	if err != nil {
		return "", err
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

// canInhibit says whether this engine keeps an address off the node when it is asked to. One that ignores the option would take the node's
// own way to its credentials.
func (n *networks) canInhibit(ctx context.Context) (bool, error) {
	v, err := n.conn.cli.ServerVersion(ctx)
	if err != nil {
		return false, n.conn.explain("asking its version", err)
	}
	for _, c := range v.Components {
		if c.Name == "Engine" { // others that speak this API have other names
			return !versions.LessThan(v.APIVersion, inhibits), nil
		}
	}
	return false, nil
}

// asksLinkLocal says whether a resolv.conf has a name server at a link-local address, as Google's cloud does: a module would find no name
// any more if that were closed.
func asksLinkLocal(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	block := netip.MustParsePrefix(linkLocal)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "nameserver" {
			if a, err := netip.ParseAddr(words[1]); err == nil && block.Contains(a.Unmap()) {
				return true
			}
		}
	}
	return false
}

// join gives a container its way to the dead end.
func (n *networks) join(ctx context.Context, id, dead string) error {
	if dead == "" {
		return nil
	}
	return n.conn.launching("closing the link-local addresses", n.conn.cli.NetworkConnect(ctx, dead, id, nil))
}

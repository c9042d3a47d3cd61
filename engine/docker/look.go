package docker

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/genepattern/ferry/engine"
)

// looker is a container that never runs, made to look into an image.
type looker struct {
	*conn
	id  string
	ref string
}

// lookTime bounds making or removing a looker, each of which takes a tenth of a second.
const lookTime = time.Minute

// look makes a looker; the caller calls close.
func (i *images) look(ctx context.Context, img engine.Image) (*looker, error) {
	// The engine finishes what it was asked for, so an answer that is not waited for is a container nobody knows of.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	name := probeName()
	c, err := i.conn.cli.ContainerCreate(ctx, &container.Config{Image: img.ID, Entrypoint: []string{"/none"},
		Labels: ownLabels(map[string]string{probeLabel: name}, img.Labels)}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	if err == nil && c.ID == "" {
		err = errNonsense
	}
	if err != nil {
		return nil, i.conn.explain(fmt.Sprintf("looking into image %q", img.Ref), err)
	}
	return &looker{conn: i.conn, id: c.ID, ref: img.Ref}, nil
}

func (l *looker) close(ctx context.Context) {
	// What cannot be removed now is left for Sweep.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	_ = l.cli.ContainerRemove(ctx, l.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// owner is the image's user as numbers. Names are looked up in the image's own /etc/passwd and /etc/group.
func (i *images) owner(ctx context.Context, img engine.Image) (string, error) {
	user, group, hasGroup := strings.Cut(img.User, ":")
	if user == "" {
		user = "0"
	}
	uid, isNumber := number(user)
	gid, isGroup := number(group)
	if isNumber && (isGroup || !hasGroup) {
		if !hasGroup {
			gid = "0"
		}
		return uid + ":" + gid, nil
	}
	l, err := i.look(ctx, img)
	if err != nil {
		return "", err
	}
	defer l.close(ctx)
	if !isNumber {
		uid, gid, err = l.find(ctx, "/etc/passwd", user)
	}
	if err != nil || uid == "" {
		return "", err
	}
	if hasGroup {
		// In /etc/group the number stands in the third field, where /etc/passwd has the uid.
		if gid, _, err = l.find(ctx, "/etc/group", group); err != nil || gid == "" {
			return "", err
		}
	}
	return uid + ":" + gid, nil
}

// number is the user or group that the engine takes a text for, without the ways to write 0 that look like something else: "+0", "-0"
// and "00". It is false for what the engine takes for a name.
func number(text string) (canonical string, ok bool) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return "", false
	}
	return strconv.Itoa(n), true
}

// databaseSize bounds what is read of an image's user database, in bytes.
const databaseSize = 16 << 20

// find is the third and fourth field of the line of an image's user database that has the name; "" where there
// is none.
func (l *looker) find(ctx context.Context, file, name string) (third, fourth string, err error) {
	if n, ok := number(name); ok && file == "/etc/group" {
		return n, "", nil
	}
	r, _, err := l.cli.CopyFromContainer(ctx, l.id, file)
	if errdefs.IsNotFound(err) {
		return "", "", nil
	}
	if err != nil {
		return "", "", l.explain(fmt.Sprintf("reading %s of image %q", file, l.ref), err)
	}
	defer r.Close()
	t := tar.NewReader(r)
	if _, err := t.Next(); err != nil && !errors.Is(err, io.EOF) {
		return "", "", l.explain(fmt.Sprintf("reading %s of image %q", file, l.ref), err)
	}
	third, fourth = fieldsOf(io.LimitReader(t, databaseSize), name)
	return third, fourth, nil
}

// fieldsOf are the third and fourth field of the first line that has the name and a number; "" where there is none.
func fieldsOf(database io.Reader, name string) (third, fourth string) {
	for lines := bufio.NewScanner(database); lines.Scan(); {
		f := strings.Split(lines.Text(), ":")
		if len(f) < 4 || f[0] != name {
			continue
		}
		if third, ok := number(f[2]); ok {
			fourth, _ = number(f[3])
			return third, fourth
		}
	}
	return "", ""
}

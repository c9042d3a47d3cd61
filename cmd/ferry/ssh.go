package main

import (
	"cmp"
	"path/filepath"

	"github.com/genepattern/ferry/engine/docker"
)

// sshConfig says how to log in to an engine at ssh://, as ssh itself does without a configuration file.
func sshConfig(env func(string) string) docker.SSH {
	s := docker.SSH{User: cmp.Or(env("USER"), "root"), Agent: env("SSH_AUTH_SOCK"), KnownHosts: []string{"/etc/ssh/ssh_known_hosts"}}
	home := env("HOME")
	if home == "" {
		return s
	}
	dir := filepath.Join(home, ".ssh")
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		s.Keys = append(s.Keys, filepath.Join(dir, name))
	}
	s.KnownHosts = append(s.KnownHosts, filepath.Join(dir, "known_hosts"))
	return s
}

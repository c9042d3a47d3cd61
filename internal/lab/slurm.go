package lab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Slurm is a cluster of one node, this machine: munged, slurmctld and slurmd of Debian's packages slurm-wlm and munge. It keeps no
// accounts. Stop ends it.
type Slurm struct {
	// Conf is its configuration, for SLURM_CONF.
	Conf string

	daemons []*exec.Cmd
}

// SlurmPrograms is an error where a program that StartSlurm needs is missing, or where this user is not root.
func SlurmPrograms() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can run Slurm's daemons")
	}
	for _, name := range []string{"munged", "slurmctld", "slurmd", "sbatch", "scontrol"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

// slurmConf has what runs without systemd, without cgroups and without accounts. The node has two CPUs whatever the machine has.
const slurmConf = `ClusterName=test
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.socket
CryptoType=crypto/munge
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
PropagateResourceLimits=NONE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=1,sched_interval=2
KillWait=30
MailProg=/bin/true
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=%[1]s Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=other Nodes=%[1]s MaxTime=60 State=UP
`

// StartSlurm starts a cluster whose files are below dir, and returns when its node takes jobs.
func StartSlurm(dir string) (s *Slurm, err error) {
	if err := SlurmPrograms(); err != nil {
		return nil, err
	}
	s = &Slurm{Conf: filepath.Join(dir, "slurm.conf")}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	key := make([]byte, 128)
	_, _ = rand.Read(key) // it never fails
	if err := os.WriteFile(filepath.Join(dir, "munge.key"), key, 0o400); err != nil {
		return nil, err
	}
	for _, d := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := s.daemon(dir, "munged", "--foreground", "--force", "--key-file="+filepath.Join(dir, "munge.key"), "--socket="+filepath.Join(dir, "munge.socket"),
		"--pid-file="+filepath.Join(dir, "munged.pid"), "--seed-file="+filepath.Join(dir, "munged.seed"), "--log-file="+filepath.Join(dir, "munged.log")); err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	host, _, _ = strings.Cut(host, ".")
	if err := os.WriteFile(s.Conf, fmt.Appendf(nil, slurmConf, host, dir, ports[0], ports[1]), 0o644); err != nil {
		return nil, err
	}
	if err := s.daemon(dir, "slurmctld", "-D", "-f", s.Conf); err != nil {
		return nil, err
	}
	if err := s.daemon(dir, "slurmd", "-D", "-f", s.Conf, "-N", host); err != nil {
		return nil, err
	}
	return s, s.ready(dir)
}

// freePorts are ports that nobody listens on now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// daemon starts one, with its output in a file.
func (s *Slurm) daemon(dir, name string, args ...string) error {
	out, err := os.Create(filepath.Join(dir, name+".out"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(name, args...)
	cmd.Env = Environ("SLURM_CONF=" + s.Conf)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however the test ends
	if err := cmd.Start(); err != nil {
		return err
	}
	s.daemons = append(s.daemons, cmd)
	return nil
}

// ready waits until the node is idle.
func (s *Slurm) ready(dir string) error {
	var out []byte
	for end := time.Now().Add(startWithin); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		cmd := exec.Command("sinfo", "--noheader", "--partition=main", "--format=%T")
		cmd.Env = Environ("SLURM_CONF=" + s.Conf)
		out, _ = cmd.CombinedOutput() // until it answers, it fails
		if strings.TrimSpace(string(out)) == "idle" {
			return nil
		}
	}
	var all bytes.Buffer
	for _, name := range []string{"munged", "slurmctld", "slurmd"} {
		text, _ := os.ReadFile(filepath.Join(dir, name+".out"))
		fmt.Fprintf(&all, "%s: %s\n", name, text[max(0, len(text)-2000):])
	}
	return fmt.Errorf("the Slurm node is not ready within %s: %s\n%s", startWithin, out, all.Bytes())
}

// Stop ends the daemons, and returns when they have ended.
func (s *Slurm) Stop() {
	for i := len(s.daemons) - 1; i >= 0; i-- {
		_ = s.daemons[i].Process.Kill() // one that has ended needs none
		_ = s.daemons[i].Wait()
	}
}

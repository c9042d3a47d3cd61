package platform

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/genepattern/ferry/job"
)

// credentials are the variables that Compose passes on to ferry's own containers, where whoever calls it has them.
var credentials = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"}

// compose prints a Compose file, for docker-compose from 1.29 and for the plugin. Parts of a volume can be mounted from Docker 26 and the
// plugin 2.26 on, so links are the default.
func compose(in Input) (string, error) {
	env, err := in.env()
	if err != nil {
		return "", err
	}
	own := func(part string, options ...string) pairs {
		var p pairs
		p.add("image", literal(in.Image))
		p.add("command", literals(in.ferry(part, "compose", options...)))
		p.add("environment", strs(append(literalsOf(env), credentials...)))
		p.add("volumes", strs([]string{"job:" + in.volume(), "ferry:" + in.relay()}))
		p.add("network_mode", literal(in.TransferNetwork))
		p.add("stop_grace_period", fmt.Sprintf("%ds", seconds(in.Job.Grace+killTime)))
		return p
	}
	after := func(conditions ...string) (p pairs) {
		for i := 0; i < len(conditions); i += 2 {
			p.add(conditions[i], pairs{{"condition", conditions[i+1]}})
		}
		return p
	}
	stageOut := own("stage-out")
	stageOut.add("depends_on", after("stage-in", "service_completed_successfully", "module", "service_started"))
	module := composeModule(in)
	module.add("depends_on", after("stage-in", "service_completed_successfully"))
	top := pairs{
		{"services", pairs{{"stage-in", own("stage-in", "--defer-failure")}, {"module", module}, {"stage-out", stageOut}}},
		{"volumes", pairs{{"job", pairs{}}, {"ferry", pairs{}}}},
	}
	if net := in.Job.Container.Network; named(net) {
		top.add("networks", pairs{{net, pairs{{"external", true}}}})
	}
	return document(comment(
		"A ferry job in three containers. It runs, and ends with the job's exit code, by",
		"  docker-compose -p "+in.Name+" -f FILE run --rm stage-out",
		"and with the plugin by `docker compose` instead. Afterwards: docker-compose -p "+in.Name+" -f FILE down --volumes",
	), top), nil
}

func composeModule(in Input) (p pairs) {
	j := in.Job
	p.add("image", literal(j.Container.Image))
	p.add("entrypoint", literals(in.exec()))
	p.add("user", in.user())
	p.add("volumes", composeMounts(in))
	p.add("cap_drop", strs([]string{"ALL"}))
	p.add("cap_add", strs(in.capabilities(cmp.Or(in.Parts, PartsLink))))
	p.add("security_opt", strs([]string{"no-new-privileges:true"}))
	l := j.Container.Limits
	if l.Memory > 0 {
		p = append(p, pair{"mem_limit", l.Memory}, pair{"memswap_limit", l.Memory})
	}
	if l.CPUs > 0 {
		p = append(p, pair{"cpus", l.CPUs})
	}
	pids := l.PIDs
	if pids == 0 {
		pids = defaultPIDs
	}
	p = append(p, pair{"pids_limit", pids})
	switch net := j.Container.Network; {
	case named(net):
		p.add("networks", strs([]string{net}))
	case net != job.NetworkOwn: // the file's own network reaches no other job
		p.add("network_mode", net)
	}
	p.add("stop_grace_period", fmt.Sprintf("%ds", seconds(j.Grace+killTime)))
	return p
}

func named(net string) bool {
	return net != job.NetworkOwn && net != "none" && net != "bridge" && net != "host"
}

// composeMounts are the module's mounts. It can write neither the binary nor what stage-out goes by.
func composeMounts(in Input) (all []any) {
	bind := func(source, target string, readOnly bool) string {
		mode := "rw"
		if readOnly {
			mode = "ro"
		}
		return literal(source + ":" + target + ":" + mode)
	}
	if in.Parts == PartsMount {
		for _, x := range append(in.parts(), part{path: path.Join(in.volume(), ExecDir)}) {
			sub := path.Join(JobDir, x.path)
			if x.path == path.Join(in.volume(), ExecDir) {
				sub = ExecDir
			}
			m := pairs{{"type", "volume"}, {"source", "job"}, {"target", literal(x.path)}, {"volume", pairs{{"subpath", literal(sub)}}}}
			if x.readOnly {
				m = append(m, pair{"read_only", true})
			}
			all = append(all, m)
		}
	} else {
		all = append(all, "job:"+in.volume())
	}
	all = append(all, bind("ferry", in.relay(), true))
	for _, m := range in.Job.Dirs.Mounts {
		if m.Host != "" {
			all = append(all, bind(m.Host, m.Path, !m.Writable))
		}
	}
	return all
}

// literal keeps Compose from putting a variable's value in the place of $NAME.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func literalsOf(all []string) (list []string) {
	for _, s := range all {
		list = append(list, literal(s))
	}
	return list
}

func literals(all []string) []any { return strs(literalsOf(all)) }

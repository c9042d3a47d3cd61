package platform

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
)

// podName is what Kubernetes takes as a name of a Job, whose Pods get a suffix.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
var podName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$`)

// kubernetes prints a Job, for Kubernetes from 1.31, and with podFailurePolicy left out for any. A Pod has no container that runs when the
// others have ended. So stage-out runs beside the module, and waits for its end by a lock on the volume.
func kubernetes(in Input) (string, error) {
	if !podName.MatchString(in.Name) {
		return "", cause.Fail(cause.Usage, "such as "+strings.ToLower("my-job"), "--name: %q is no name of a Kubernetes Job", in.Name)
	}
	module, err := podModule(in)
	if err != nil {
		return "", err
	}
	env, err := in.env()
	if err != nil {
		return "", err
	}
	own := func(part string, options ...string) pairs {
		var p pairs
		p.add("name", part)
		p.add("image", in.Image)
		p.add("args", unexpanded(in.ferry(part, "kubernetes", options...)))
		var vars []any
		for _, kv := range env {
			name, value, _ := strings.Cut(kv, "=")
			vars = append(vars, pairs{{"name", name}, {"value", unexpand(value)}})
		}
		p.add("env", vars)
		if in.Secret != "" {
			p.add("envFrom", []any{pairs{{"secretRef", pairs{{"name", in.Secret}}}}})
		}
		p.add("volumeMounts", []any{pairs{{"name", "job"}, {"mountPath", in.volume()}}})
		return p
	}
	var pod pairs
	pod.add("restartPolicy", "Never")
	pod = append(pod, pair{"automountServiceAccountToken", false}, pair{"terminationGracePeriodSeconds", seconds(in.Job.Grace + killTime)})
	pod.add("serviceAccountName", in.ServiceAccount)
	pod.add("initContainers", []any{own("stage-in", "--defer-failure")})
	pod.add("containers", []any{module, own("stage-out")})
	pod.add("volumes", podVolumes(in))
	var meta pairs
	if in.ServiceAccount != "" { // on EKS the account's rights are put into every container that is not named here
		meta.add("annotations", pairs{{"eks.amazonaws.com/skip-containers", "module"}})
	}
	spec := pairs{
		{"backoffLimit", max(in.Attempts, 1) - 1},
		{"activeDeadlineSeconds", seconds(in.Job.Walltime + margin)},
		{"podFailurePolicy", pairs{{"rules", []any{
			pairs{{"action", "Ignore"}, {"onPodConditions", []any{pairs{{"type", "DisruptionTarget"}}}}},
			pairs{{"action", "FailJob"}, {"onExitCodes", pairs{{"containerName", "stage-out"}, {"operator", "NotIn"}, {"values", againCodes()}}}},
		}}}},
	}
	template := pairs{}
	template.add("metadata", meta)
	template.add("spec", pod)
	spec.add("template", template)
	return document(comment(
		"A ferry job in three containers of one Pod: kubectl apply -f FILE",
		"The container stage-out ends with the job's exit code. It runs beside the module and waits for its end.",
	), pairs{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", pairs{{"name", in.Name}}}, {"spec", spec}}), nil
}

// againCodes are the exit codes after which a Job tries again.
func againCodes() (all []any) {
	for _, c := range cause.AgainCodes() {
		all = append(all, c)
	}
	return all
}

func podModule(in Input) (p pairs, err error) {
	j := in.Job
	p.add("name", "module")
	p.add("image", j.Container.Image)
	p.add("command", unexpanded(in.exec()))
	security := pairs{{"allowPrivilegeEscalation", false}}
	if u := in.user(); u != "" {
		uid, gid, hasGroup := strings.Cut(u, ":")
		n, err := strconv.Atoi(uid)
		if err != nil {
			return nil, cause.Fail(cause.Usage, "give uid:gid", "--user %s: Kubernetes takes numbers only", u)
		}
		security = append(security, pair{"runAsUser", n})
		if g, err := strconv.Atoi(gid); hasGroup && err == nil {
			security = append(security, pair{"runAsGroup", g})
		}
	}
	caps := pairs{{"drop", strs([]string{"ALL"})}}
	caps.add("add", strs(in.capabilities(in.Parts)))
	security.add("capabilities", caps)
	p.add("securityContext", security)
	limits, err := podLimits(in)
	if err != nil {
		return nil, err
	}
	if len(limits) > 0 {
		p.add("resources", pairs{{"limits", limits}, {"requests", limits}})
	}
	p.add("volumeMounts", podMounts(in))
	return p, nil
}

func podLimits(in Input) (p pairs, err error) {
	l := in.Job.Container.Limits
	if l.Memory > 0 {
		p.add("memory", strconv.FormatInt(l.Memory, 10))
	}
	if l.CPUs > 0 {
		p.add("cpu", fmt.Sprintf("%dm", int64(l.CPUs*1000+0.5)))
	}
	if l.GPUs != "" && l.GPUs != "none" {
		if _, err := strconv.Atoi(l.GPUs); err != nil {
			return nil, cause.Fail(cause.Usage, "give their number", "--gpus %s: Kubernetes counts GPUs", l.GPUs)
		}
		p.add("nvidia.com/gpu", l.GPUs)
	}
	return p, nil
}

// podMounts are the module's mounts: of the volume only what is its business.
func podMounts(in Input) (all []any) {
	mount := func(volume, at, sub string, readOnly bool) {
		p := pairs{{"name", volume}, {"mountPath", at}}
		p.add("subPath", sub)
		if readOnly {
			p = append(p, pair{"readOnly", true})
		}
		all = append(all, p)
	}
	if in.Parts == PartsLink {
		mount("job", in.volume(), "", false)
	} else {
		mount("job", in.relay(), RelayDir, true)
		mount("job", path.Join(in.volume(), ExecDir), ExecDir, false)
		for _, x := range in.parts() {
			mount("job", x.path, path.Join(JobDir, x.path), x.readOnly)
		}
	}
	for i, m := range in.Job.Dirs.Mounts {
		if m.Host != "" {
			mount(fmt.Sprintf("node-%d", i), m.Path, "", !m.Writable)
		}
	}
	return all
}

func podVolumes(in Input) []any {
	job := pairs{{"name", "job"}, {"emptyDir", pairs{}}}
	if in.Claim != "" {
		job = pairs{{"name", "job"}, {"persistentVolumeClaim", pairs{{"claimName", in.Claim}}}}
	}
	all := []any{job}
	for i, m := range in.Job.Dirs.Mounts {
		if m.Host != "" {
			all = append(all, pairs{{"name", fmt.Sprintf("node-%d", i)}, {"hostPath", pairs{{"path", m.Host}}}})
		}
	}
	return all
}

// unexpand keeps Kubernetes from putting a variable's value in the place of $(NAME).
func unexpand(s string) string { return strings.ReplaceAll(s, "$(", "$$(") }

func unexpanded(all []string) (list []any) {
	for _, s := range all {
		list = append(list, unexpand(s))
	}
	return list
}

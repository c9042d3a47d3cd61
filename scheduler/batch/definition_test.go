package batch_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler/batch"
)

// good is a definition with nothing wrong in it.
func good() batch.DefinitionInput {
	in := batch.DefaultDefinition()
	in.Name, in.Image = "GP_Job", "ferry:1"
	return in
}

func TestDefinition(t *testing.T) {
	in := good()
	in.GPUs, in.Walltime, in.Env = "2", time.Hour, []string{"FERRY_GRACE=20s", "EMPTY="}
	d, err := batch.NewDefinition(in)
	if err != nil {
		t.Fatal(err)
	}
	c := d.Container
	if want := []batch.ResourceNeed{{"VCPU", "1"}, {"MEMORY", "2048"}, {"GPU", "2"}}; !reflect.DeepEqual(c.Resources, want) {
		t.Errorf("resources %v, want %v", c.Resources, want)
	}
	if want := []batch.NameValue{{"FERRY_LOG_FORMAT", "json"}, {"FERRY_GRACE", "20s"}, {"EMPTY", ""}}; !reflect.DeepEqual(c.Environment, want) {
		t.Errorf("environment %v, want %v", c.Environment, want)
	}
	if len(c.Command) != 1 || d.Parameters != nil {
		t.Errorf("command %q with parameters %v", c.Command, d.Parameters)
	}
	if want := int64((time.Hour + batch.TimeoutMargin).Seconds()); d.Timeout.Seconds != want {
		t.Errorf("timeout %d s, want %d", d.Timeout.Seconds, want)
	}
}

// Each argument that the command refers to is a parameter, or Batch would pass its name on as it stands.
func TestPositionalDefinition(t *testing.T) {
	in := good()
	in.Positional = true
	d, err := batch.NewDefinition(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range d.Container.Command[1:] {
		name, ok := strings.CutPrefix(arg, "Ref::")
		if _, known := d.Parameters[name]; !ok || !known {
			t.Errorf("argument %q is no parameter of %v", arg, d.Parameters)
		}
	}
	if len(d.Parameters) != len(d.Container.Command)-1 {
		t.Errorf("parameters %v for the command %q", d.Parameters, d.Container.Command)
	}
}

// Batch must try again what ferry's exit code calls safe to try again, and nothing that a module did.
func TestRetryRules(t *testing.T) {
	d, err := batch.NewDefinition(good())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d.Retry)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cause.ExitCodes {
		want := fmt.Sprintf(`{"onExitCode":"%d","action":"RETRY"}`, e.Code)
		if strings.Contains(string(text), want) != e.Again {
			t.Errorf("%s has the rule %s: not %v", text, want, e.Again)
		}
	}
	if n := len(d.Retry.OnExit); n > 5 {
		t.Errorf("%d rules, and Batch takes 5", n)
	}
	if last := d.Retry.OnExit[len(d.Retry.OnExit)-1]; last != (batch.RetryRule{Reason: "*", Action: "EXIT"}) {
		t.Errorf("the last rule is %+v", last)
	}
}

func TestBadDefinitions(t *testing.T) {
	for flag, spoil := range map[string]func(*batch.DefinitionInput){
		"--name":          func(in *batch.DefinitionInput) { in.Name = "" },
		"--image":         func(in *batch.DefinitionInput) { in.Image = "" },
		"--local-prefix":  func(in *batch.DefinitionInput) { in.LocalPrefix = "local" },
		"--docker-socket": func(in *batch.DefinitionInput) { in.DockerSocket = "" },
		"--attempts":      func(in *batch.DefinitionInput) { in.Attempts = 11 },
		"--walltime":      func(in *batch.DefinitionInput) { in.Walltime = time.Minute - 1 },
		"--vcpus":         func(in *batch.DefinitionInput) { in.VCPUs = "0.5" },
		"--memory":        func(in *batch.DefinitionInput) { in.Memory = "2g" },
		"--gpus":          func(in *batch.DefinitionInput) { in.GPUs = "0" },
		"--env":           func(in *batch.DefinitionInput) { in.Env = []string{"=x"} },
	} {
		in := good()
		spoil(&in)
		_, err := batch.NewDefinition(in)
		refused(t, err, flag)
	}
}

// refused checks that err is the user's to mend, and says where.
func refused(t *testing.T, err error, flag string) {
	t.Helper()
	if cause.Of(err) != cause.Usage || !strings.HasPrefix(err.Error(), flag) {
		t.Errorf("%s: error %v with the cause %q", flag, err, cause.Of(err))
	}
}

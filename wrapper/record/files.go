package record

import (
	"fmt"

	"github.com/genepattern/ferry/cause"
)

// Names of ferry's own files in the metadata dir.
const (
	FileName      = "run.json"
	TransferName  = "transfer.log"
	OutName       = "dockerout.log"
	ErrName       = "dockererr.log"
	StatsName     = "docker_stats.txt"
	CodeName      = "docker_exit_code.txt"
	ContainerName = "docker_container_used.json"
)

// OwnNames are all these names, the record's first. Files of these names in the store's metadata dir are an earlier attempt's.
func OwnNames() []string {
	return []string{FileName, TransferName, OutName, ErrName, StatsName, CodeName, ContainerName}
}

// ExitFile is the content of the exit code file.
func ExitFile(code int) []byte { return fmt.Appendf(nil, "{ \"exit_code\": %d }\n", code) }

// ReasonLine tells the module's user why the job ended as it did. Ferry appends it to stderr.txt.
func ReasonLine(c cause.Cause, err error) []byte { return fmt.Appendf(nil, "ferry: %s: %v\n", c, err) }

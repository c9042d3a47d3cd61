package arch

// A room is a folder and all below it that has no line of its own. It may import itself and the rooms it may know.
type room struct {
	dir string
	may []string
}

// rooms stand from the ground up: a room may know only rooms above its line. So there is no circle between rooms.
var rooms = []room{
	{"cause", nil},
	{"internal", nil}, // leaves; what is for tests is in testRooms
	{"job", []string{"cause", "internal"}},
	{"sync/internal", []string{"cause", "internal"}},
	{"sync/store", []string{"cause", "internal", "sync/internal"}},
	{"sync", []string{"cause", "internal", "sync/internal", "sync/store"}},
	{"engine", []string{"cause", "internal"}},
	{"commit", []string{"cause", "internal", "engine"}},
	{"scheduler", []string{"cause", "internal", "job"}},
	{"frontend", []string{"cause", "internal", "job"}}, // settings in, a job out
	{"platform", []string{"cause", "internal", "job", "engine"}},
	{"wrapper/record", []string{"cause", "internal", "job", "sync", "engine", "commit"}},
	{"wrapper/node", []string{"cause", "internal", "job", "engine", "wrapper/record"}},
	{"wrapper", []string{"cause", "internal", "job", "sync/store", "sync", "engine", "commit", "platform", "wrapper/record", "wrapper/node"}},
	{"submit", []string{"cause", "internal", "job", "sync/store", "sync", "scheduler", "wrapper/record"}},
	{"frontend/genepattern/syncscript", []string{"cause", "internal", "job", "sync/store", "sync", "wrapper"}}, // one of wrapper's stagers
	{"report", []string{"cause", "internal", "job", "wrapper/record"}},
	{"cmd", []string{"cause", "internal", "job", "sync/store", "sync", "engine", "commit", "scheduler", "submit", "frontend", "platform", "wrapper/record", "wrapper/node", "wrapper", "frontend/genepattern/syncscript", "report"}},
}

// testRooms are for tests, the demo and benchmarks. They may know everything, and no room may know them. So may and are
// packages whose name ends in "test", such as enginetest.
var testRooms = []string{"internal/arch", "internal/chaos", "internal/lab", "internal/testenv", "tools", "scripts"}

// confined are packages of others, by prefix, that only some rooms may import. Tests and tools may as well, except where
// nobody may.
var confined = []struct {
	prefix string
	to     []string // nil: nobody
}{
	{"github.com/urfave/cli", []string{"cmd"}},
	{"github.com/docker/docker/client", []string{"engine/docker"}},
	{"github.com/aws/aws-sdk-go-v2/feature/s3/manager", []string{"sync/store/s3"}},
	{"github.com/aws/aws-sdk-go-v2/service/ecr", []string{"commit/ecr"}},
	{"github.com/aws/aws-sdk-go-v2/service/batch", []string{"scheduler/batch"}},
	{"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs", []string{"scheduler/batch"}},
	{"github.com/aws/aws-sdk-go-v2/feature/ec2/imds", []string{"scheduler/batch", "internal/awsconfig"}},
	{"gopkg.in/", nil},
}

// unbounded are files that may read without a bound, each for a reason.
var unbounded = map[string]string{
	"engine/docker/podman.go": "as image.go",
	"engine/docker/image.go":  "the engine's progress is a stream of small messages without an end that could be known",
}

// aliases are folders that every file imports by one name, because another package has the same.
var aliases = map[string]string{"sync": "ferrysync"}

// registries are packages with a list of implementations: each folder directly below dir that exports a value Kind stands
// exactly once in a list whose elements are of a type Kind.
var registries = []struct{ dir, list string }{
	{"engine", "engine/engines"},
	{"sync/store", "sync/store/stores"},
	{"scheduler", "scheduler/schedulers"},
}

// bothHalves are implementations that have something for ferry on a node too, or for an engine that speaks the same API, and the package
// that uses it.
var bothHalves = map[string]string{"engine/docker": "engine/podman", "scheduler/batch": "cmd/ferry", "scheduler/slurm": "cmd/ferry"}

// optional is the file that finds an engine's optional interfaces. They are the ones declared in it.
const optional = "engine/optional.go"

// The limits of what one reader keeps in mind.
const (
	maxFields  = 15
	maxMethods = 20
)

// everybodys are names of structs that must not be embedded anywhere.
var everybodys = []string{"Job", "Deps"}

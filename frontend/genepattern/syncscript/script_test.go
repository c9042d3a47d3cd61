package syncscript

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper"
)

// A bench is a root with a script in it, and what running the script says.
type bench struct {
	work wrapper.Workspace
	dir  string

	mu       sync.Mutex
	warnings []string
	log      strings.Builder
}

func (b *bench) Write(p []byte) (int, error) { return b.log.Write(p) }

// scriptName is what servers call the script.
const scriptName = "aws-sync-from-s3.sh"

func testJob() job.Job {
	return job.Job{Remote: "s3://gp-example/beta", LocalPrefix: "/local", Walltime: time.Minute, Files: job.Files{SyncScript: scriptName},
		Dirs:     job.Dirs{Work: "/jobs/101", Metadata: "/jobs/101.meta", Tasklib: "/taskLib/m"},
		Identity: job.Identity{ID: "101", User: "ann@example.org"}}
}

func newBench(t testing.TB, script string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	for _, d := range []string{"jobs/101", "jobs/101.meta", "taskLib/m"} {
		if err := root.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := root.WriteFile("jobs/101.meta/"+scriptName, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	b.work = wrapper.Workspace{
		Job: testJob(), Root: root, Transfer: ferrysync.New(ferrysync.Config{}),
		Open: func(context.Context, string) (store.Store, string, error) {
			return nil, "", cause.Fail(cause.Usage, "", "no store in this test")
		},
		Log: b,
		Warn: func(format string, args ...any) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
		},
	}
	return b
}

func (b *bench) run(t testing.TB) error {
	t.Helper()
	_, err := Stager{}.StageIn(t.Context(), b.work)
	return err
}

// files are the files below the root with their content, the script left out.
func (b *bench) files(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(b.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == scriptName {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(b.dir, p)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A generated script is refused by its line and by what is in it, before any of it has run.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 2*maxStatement)
	for script, says := range map[string]string{
		"curl http://x/":                      `command "curl"`,
		"mkdir -p /.ferry/x":                  "is ferry's own",
		"mkdir -p /local/.ferry/x":            "is ferry's own",
		"X=curl; $X http://x/":                `command "curl"`,
		"/usr/bin/aws s3 sync s3://b/a /a":    `command "/usr/bin/aws"`,
		"sh -c 'rm -rf /'":                    `command "sh"`,
		"source /etc/profile":                 `command "source"`,
		". ./x":                               `command "."`,
		"eval ls":                             `command "eval"`,
		"exec ls":                             `command "exec"`,
		"set -e":                              `command "set"`,
		"cd /jobs":                            `command "cd"`,
		"echo $(id)":                          "command substitution",
		"echo \"`id`\"":                       "command substitution",
		"echo <(id)":                          "process substitution",
		"echo $((1+1))":                       "arithmetic",
		"echo ${HOME:-/root}":                 "expansion",
		"echo $?":                             "expansion",
		"echo ${#X}":                          "expansion",
		"echo {a,b}":                          "brace expansion",
		"echo $'a'":                           "quotes of the form",
		"if true; then echo; fi":              `"if"`,
		"while true; do echo; done":           `"while" or "until"`,
		"for i in a; do echo; done":           `"for" or "select"`,
		"f() { f; }; f":                       "a function",
		"(echo)":                              "a subshell",
		"[[ -f x ]]":                          "a test",
		"declare -A x":                        `"declare"`,
		"! true":                              "the negation",
		"echo a | echo b":                     "a pipe",
		"wget -O /a http://h/?a=1&b=2":        "must be in quotes",
		"echo a <<< b":                        "redirection of input",
		"echo < /etc/passwd":                  "redirection of input",
		"echo a > /jobs/../../etc/x":          `holds ".."`,
		"echo a > x":                          "not absolute",
		"echo a > /":                          "whole local directory",
		"{ echo; } > /x":                      "more than one command",
		"true && X=1":                         "an assignment inside",
		"X=1 echo a":                          "a variable for one command",
		"aws s3 ls s3://b":                    `"aws s3 ls"`,
		"aws ec2 describe-instances":          "only",
		"aws s3 sync /etc s3://b/x":           "not in the store",
		"aws s3 sync /etc /local/x":           "not in the store",
		"aws s3 sync s3://b/x s3://b/y":       "only downloads",
		"aws s3 sync s3://b/x":                "1 paths",
		"aws s3 sync s3://b/../x /local/x":    `holds ".."`,
		"aws s3 sync s3://b/x /local/../x":    `holds ".."`,
		"aws s3 sync s3://b/x x":              "not absolute",
		"aws s3 sync s3://b/x /local":         "whole local directory",
		"aws s3 sync --sse s3://b/x /x":       `"--sse"`,
		"aws s3 sync --acl=x s3://b/x /x":     `"--acl=x"`,
		"aws s3 sync s3://b/x /x --profile p": "--profile",
		"aws s3 sync s3://b/x /x --exclude":   "no value",
		"aws s3 sync s3://b/x /x --recursive": `"--recursive"`,
		"aws s3 cp s3://b/x/ /x":              "needs --recursive",
		"aws s3 cp --delete s3://b/x /x":      `"--delete"`,
		`aws s3 sync s3://gp-example/beta/x /x --exclude "*" --include "../../y"`: "no file below",
		"aws s3 sync s3://b/x /x":                                          "outside the remote root",
		"aws s3 sync s3://gp-example/ /x":                                  "outside the remote root",
		"aws s3 sync s3://gp-example/bet /x":                               "outside the remote root",
		"aws s3 sync s3://gp-example/beta2/x /x":                           "outside the remote root",
		"aws s3 sync s3://gp-example/beta/../other /x":                     `holds ".."`,
		"aws s3 cp s3://gp-example/beta2 /x":                               "outside the remote root",
		"R=s3://gp-example\naws s3 cp --recursive $R/gamma /x":             "outside the remote root",
		`aws s3 sync s3://gp-example /x --exclude "*" --include "gamma/y"`: "outside the remote root",
		"wget http://h/":                   "-O is missing",
		"wget -O x http://h/":              "not absolute",
		"wget -O /x file:///etc/passwd":    "file URL",
		"wget -O /x gopher://h/x":          "gopher URL",
		"wget -i list -O /x":               `"-i"`,
		"wget --post-file=/etc/x -O /x h":  "--post-file",
		"wget -T never -O /x http://h/":    "number of seconds",
		"wget -O /x http://h/ http://i/":   "2 URLs",
		"mkdir -m 777 /x":                  `"-m"`,
		"mkdir":                            "no path",
		"rm -rf /":                         "whole local directory",
		"rm -rf /local":                    "whole local directory",
		"rm -rf /local/*":                  "not expanded",
		"rm -i /x":                         `"-i"`,
		"chmod u+s /x":                     `"u+s"`,
		"chmod 4755 /x":                    `"4755"`,
		"chmod --reference=/etc/passwd /x": "not supported",
		"echo -e a":                        `"-e"`,
		"sudo id":                          `command "sudo"`,
		"bash -c id":                       `command "bash"`,
		"python3 -c 'import os'":           `command "python3"`,
		"perl -e 'system(q(id))'":          `command "perl"`,
		"env X=1 aws s3 sync s3://b/a /a":  `command "env"`,
		"nohup aws s3 sync s3://b/a /a":    `command "nohup"`,
		"xargs rm":                         `command "xargs"`,
		"find / -delete":                   `command "find"`,
		"cp /etc/shadow /x":                `command "cp"`,
		"mv /etc/shadow /x":                `command "mv"`,
		"ln -s /etc /x":                    `command "ln"`,
		"cat /etc/shadow":                  `command "cat"`,
		"tee /x":                           `command "tee"`,
		"dd if=/dev/zero of=/x":            `command "dd"`,
		"touch /x":                         `command "touch"`,
		"tar xf /x":                        `command "tar"`,
		"unzip /x":                         `command "unzip"`,
		"chown root /x":                    `command "chown"`,
		"mount /dev/sda /x":                `command "mount"`,
		"docker ps":                        `command "docker"`,
		"kill -9 1":                        `command "kill"`,
		"ssh host":                         `command "ssh"`,
		"nc 169.254.169.254 80":            `command "nc"`,
		"trap 'id' EXIT":                   `command "trap"`,
		"alias ls=id":                      `command "alias"`,
		"unset PATH":                       `command "unset"`,
		"command ls":                       `command "command"`,
		"builtin echo a":                   `command "builtin"`,
		"shopt -s extglob":                 `command "shopt"`,
		"read X":                           `command "read"`,
		"printf a":                         `command "printf"`,
		"test -f /x":                       `command "test"`,
		"[ -f /x ]":                        `command "["`,
		"exit 0":                           `command "exit"`,
		"wait":                             `command "wait"`,
		"ulimit -c 0":                      `command "ulimit"`,
		"enable -n echo":                   `command "enable"`,
		"hash -p /tmp/x aws":               `command "hash"`,
		"./aws s3 sync s3://b/a /a":        `command "./aws"`,
		"../../bin/sh":                     `command "../../bin/sh"`,
		"AWS s3 sync s3://b/a /a":          `command "AWS"`,
		"\"aws \" s3 sync s3://b/a /a":     `command "aws "`,
		"ec\\ho\\ a":                       `command "echo a"`,
		"''":                               `command ""`,
		"$UNSET":                           "an empty variable",
		"$HOME/x":                          `command "/x"`,
		"echo $((`id`))":                   "arithmetic",
		"echo $[1+1]":                      "arithmetic",
		"echo ${X@P}":                      "expansion",
		"echo ${!X}":                       "expansion",
		"echo ${!X*}":                      "expansion",
		"echo ${X/a/b}":                    "expansion",
		"echo ${X:0:1}":                    "expansion",
		"echo ${X^^}":                      "expansion",
		"echo ${X%a}":                      "expansion",
		"echo ${X[0]}":                     "expansion",
		"echo ${X:=a}":                     "expansion",
		"echo ${X:?a}":                     "expansion",
		"echo $$":                          "expansion",
		"echo $!":                          "expansion",
		"echo $@":                          "expansion",
		"echo $*":                          "expansion",
		"echo $0":                          "expansion",
		"echo $1":                          "expansion",
		"echo $-":                          "expansion",
		"X=$(id)":                          "command substitution",
		"X=`id`":                           "command substitution",
		"X=(a b)":                          "an assignment other than",
		"X[0]=a":                           "an assignment other than",
		"X+=a":                             "an assignment other than",
		"export -f X":                      "an assignment other than",
		"export X=$(id)":                   "command substitution",
		"readonly X=1":                     `"readonly"`,
		"local X=1":                        `"local"`,
		"typeset X=1":                      `"typeset"`,
		"let X=1":                          "arithmetic",
		"((X=1))":                          "arithmetic",
		"case a in a) echo;; esac":         `"case"`,
		"until true; do echo; done":        `"while" or "until"`,
		"for ((;;)); do echo; done":        `"for" or "select"`,
		"select x in a; do echo; done":     `"for" or "select"`,
		"function f { echo; }":             "a function",
		"coproc echo":                      "coproc",
		"time echo":                        `"time"`,
		"echo a &":                         "in the background",
		"echo a |& echo b":                 "a pipe",
		"echo >(id)":                       "process substitution",
		"echo $\"a\"":                      "quotes of the form",
		"> /local/jobs/101/x":              "a redirection of more than one command",
		"echo a 3> /x":                     "redirection of 3",
		"echo a <> /x":                     "redirection",
		"echo a >&3":                       "redirection",
		"echo a <&0":                       "redirection",
		"echo a > /dev/tcp/169.254.169.254/80/../../x": `holds ".."`,
		"echo a > $UNSET":           "redirection",
		"echo a > \"/x\ty\n/../z\"": "a control character",
		"cat << E\na\nE":            `command "cat"`,
		"aws s3 mv s3://b/x /x":     `"aws s3 mv"`,
		"aws s3 rm s3://b/x":        `"aws s3 rm"`,
		"aws s3api get-object":      "only",
		"aws --endpoint-url http://evil s3 sync s3://gp-example/beta/x /x": "only",
		"aws s3 sync s3://gp-example/beta/x /x --endpoint-url http://evil": `"--endpoint-url"`,
		"aws s3 sync s3://gp-example/beta/x /x --no-sign-request":          `"--no-sign-request"`,
		"aws s3 sync s3://gp-example/beta/x /x --region x":                 `"--region"`,
		"aws s3 sync s3://gp-example/beta/x /x --no-verify-ssl":            `"--no-verify-ssl"`,
		"aws s3 sync s3://gp-example/beta/x /x --ca-bundle /etc/x":         `"--ca-bundle"`,
		"aws s3 cp - s3://gp-example/beta/x":                               "not in the store",
		"aws s3 cp s3://gp-example/beta/x -":                               "not absolute",
		"aws s3 cp s3://gp-example/beta/x /dev/../../x":                    `holds ".."`,
		"aws s3 cp s3:///beta/x /x":                                        "names no bucket",
		"aws s3 cp s3://gp-example@evil/beta/x /x":                         "outside the remote root",
		"aws s3 cp s3://gp-example%2fbeta/x /x":                            "outside the remote root",
		"aws s3 cp S3://gp-example/beta/x /x":                              "not in the store",
		"aws s3 cp https://gp-example.s3.amazonaws.com/beta/x /x":          "not in the store",
		"aws s3 sync s3://gp-example/beta/x /local/.ferry":                 "is ferry's own",
		"aws s3 sync s3://gp-example/beta/x file:///etc":                   "not absolute",
		"wget -O /.ferry/x http://h/":                                      "is ferry's own",
		"wget -O - http://h/":                                              "not absolute",
		"wget -O /x data:text/plain,a":                                     "is no URL",
		"wget -O /x http://":                                               "names no host",
		"wget -O /x javascript://h/":                                       "javascript URL",
		"wget -O /x --header 'A: b' http://h/":                             `"--header"`,
		"wget -O /x --no-check-certificate https://h/":                     `"--no-check-certificate"`,
		"wget -O /x -e use_proxy=yes http://h/":                            `"-e"`,
		"wget -O /x --input-file=/etc/passwd":                              `"--input-file"`,
		"wget -O /x --execute=x http://h/":                                 `"--execute"`,
		"wget -O /x --body-file=/etc/shadow http://h/":                     `"--body-file"`,
		"wget -O /x -o /etc/log http://h/":                                 `"-o"`,
		"wget -O /x -P /etc http://h/":                                     `"-P"`,
		"wget -O /x -c http://h/":                                          `"-c"`,
		"wget -O /x -r http://h/":                                          `"-r"`,
		"wget -O /x --use-askpass=/bin/sh http://h/":                       `"--use-askpass"`,
		"wget -O":                              "no value",
		"wget -T -1 -O /x http://h/":           "number of seconds",
		"mkdir -p ../x":                        "not absolute",
		"mkdir /local/jobs/../../x":            `holds ".."`,
		"mkdir /jobs/*":                        "not expanded",
		"mkdir ~root/x":                        "not absolute",
		"rm -rf --no-preserve-root /":          `"--no-preserve-root"`,
		"rm -rf /local/.ferry":                 "is ferry's own",
		"rm -rf /local/":                       "whole local directory",
		"rm -rf /local/.":                      "whole local directory",
		"rm -rf //":                            "whole local directory",
		"rm -rf /local//jobs/..":               `holds ".."`,
		"rm -rf ~":                             "not absolute",
		"rm -rf /x?":                           "not expanded",
		"rm -rf /x[ab]":                        "not expanded",
		"chmod a+t /x":                         `"a+t"`,
		"chmod g+s /x":                         `"g+s"`,
		"chmod 1777 /x":                        `"1777"`,
		"chmod 8 /x":                           `"8"`,
		"chmod -R 777 /":                       "whole local directory",
		"chmod 777 /local/.ferry":              "is ferry's own",
		"chmod u=g /x":                         `"u=g"`,
		"echo -E a":                            `"-E"`,
		"mkdir /" + strings.Repeat("a/", 3000): "4096",
		"echo " + long:                         "more than",
		"X=" + long[:60000] + "\n" + strings.Repeat("echo $X\n", 1000): "more than",
	} {
		full := "#!/usr/bin/env bash\necho first > /local/jobs/101/first\n" + script + "\n"
		b := newBench(t, full)
		err := b.run(t)
		name := script[:min(len(script), 60)]
		if err == nil || cause.Of(err) != cause.Refused || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v (%s), want it to say %q", name, err, cause.Of(err), says)
			continue
		}
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `"`+scriptName+`"`) {
			t.Errorf("%q gives the message %q", name, err)
		}
		if len(b.files(t)) != 0 {
			t.Errorf("%q: a line before it has run", name)
		}
	}
}

func TestNotAScript(t *testing.T) {
	for script, says := range map[string]string{"echo \"a": "line 1", "\n\naws s3 sync )": "line 3", "&& echo": "line 1"} {
		err := newBench(t, script).run(t)
		if cause.Of(err) != cause.StageIn || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v", script, err)
		}
	}
	b := newBench(t, "")
	if err := os.Remove(filepath.Join(b.dir, "jobs/101.meta", scriptName)); err != nil {
		t.Fatal(err)
	}
	if err := b.run(t); cause.Of(err) != cause.StageIn || !strings.Contains(err.Error(), "is not in the metadata dir") {
		t.Errorf("a missing script gives %v", err)
	}
	if err := newBench(t, strings.Repeat("{ ", maxScript/4)).run(t); err == nil {
		t.Error("a million braces are accepted")
	}
	if err := newBench(t, strings.Repeat("#", maxScript+1)).run(t); cause.Of(err) != cause.Refused {
		t.Errorf("a script that is too large gives %v", err)
	}
}

// The outcome is what bash would leave.
func TestFileCommands(t *testing.T) {
	b := newBench(t, `#!/usr/bin/env bash
# a comment
DIR="$GP_LOCAL_PREFIX/users/ann@example.org/up loads"   # with a space
mkdir -p "$DIR" /local/taskLib/m/deep/er
echo "one two" 'th$ree' fo\ ur $UNSET "$UNSET" > "$DIR/a [1].txt"
echo next >> "$DIR/a [1].txt"
echo -n $DIR >> /local/jobs/101.meta/words.txt
export NAME=value OTHER
echo $NAME${NAME}"${NAME}" \
   continued >> "/jobs/101/no prefix.txt" 2>&1
chmod u+x "$DIR/a [1].txt" && chmod -R go-rwx,u=rwX /local/taskLib/m || echo not reached > /local/jobs/101/x
false && echo not reached > /local/jobs/101/x
false || { echo reached; echo too; } 
rm /local/jobs/101/none || echo "that failed" >> /local/jobs/101/failed.txt
rm -f /local/jobs/101/none && echo "that did not" >> /local/jobs/101/failed.txt
rm /local/jobs/101/none 2> /local/jobs/101/err.txt
echo gone > /local/jobs/101/gone/x && rm -rf /local/jobs/101/gone
echo to nowhere > /dev/null
echo both &> /local/jobs/101/both.txt
echo 1 > /local/jobs/101/t; echo 2 > /local/jobs/101/t
`)
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"users/ann@example.org/up loads/a [1].txt": "one two th$ree fo ur \nnext\n",
		"jobs/101.meta/words.txt":                  "/local/users/ann@example.org/up loads",
		"jobs/101/no prefix.txt":                   "valuevaluevalue continued\n",
		"jobs/101/failed.txt":                      "that failed\nthat did not\n",
		"jobs/101/err.txt":                         "rm: statat jobs/101/none: no such file or directory\n",
		"jobs/101/both.txt":                        "both\n",
		"jobs/101/t":                               "2\n",
	}
	got := b.files(t)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %q, want %q", name, got[name], text)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("also there: %q", got)
	}
	st, err := os.Stat(filepath.Join(b.dir, "users/ann@example.org/up loads/a [1].txt"))
	if err != nil || st.Mode().Perm() != 0o744 {
		t.Errorf("mode is %v, %v", st.Mode(), err)
	}
	if log := b.log.String(); !strings.Contains(log, "reached\ntoo\n") || strings.Contains(log, "not reached") {
		t.Errorf("log is %q", log)
	}
	if len(b.warnings) != 2 {
		t.Errorf("warnings are %q", b.warnings)
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[string]fs.FileMode{"u+x": 0o740, "a+rwx": 0o777, "755": 0o755, "+x": 0o751, "go-rwx": 0o600, "u=rx,o=r": 0o544, "a+X": 0o640} {
		f, err := parseMode(mode)
		if err != nil || f(0o640) != want {
			t.Errorf("chmod %s of 640 gives %v, %v, want %v", mode, f(0o640), err, want)
		}
	}
}

// A cancelled script ends, with the cause of an interruption, and its file is not half there.
// Writes stay in the root, whatever links there are in it.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	b := newBench(t, "echo a > /local/jobs/101/out/x\nmkdir -p /local/jobs/101/out/d\nrm -rf /local/jobs/101/out/keep\nchmod 777 /local/jobs/101/out/keep\n")
	if err := os.WriteFile(filepath.Join(outside, "keep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.dir, "jobs/101/out")); err != nil {
		t.Fatal(err)
	}
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 || entries[0].Name() != "keep" {
		t.Errorf("outside has %v, %v", entries, err)
	}
	if st, _ := os.Stat(filepath.Join(outside, "keep")); st.Mode().Perm() != 0o600 {
		t.Errorf("mode outside is %v", st.Mode())
	}
}

func TestOrder(t *testing.T) {
	o := newOrder()
	for i, c := range []struct{ touches, outputs, run, write string }{
		{"users/a", "log", "", ""},
		{"users/b", "log", "", "0"},
		{"users", "", "0 1", ""},
		{"users/a/x", "log", "0 2", "1"},
		{"users2", "log", "", "3"},
		{"log", "", "4", ""},
		{"other", "log", "5", "4"},
		{"lib/a lib/b", "", "", ""},
		{"lib/a", "", "7", ""},
		{"lib", "", "7 8", ""},
	} {
		run, write, _ := o.add(strings.Fields(c.touches), strings.Fields(c.outputs))
		if got := strings.Trim(fmt.Sprint(run), "[]"); got != c.run {
			t.Errorf("step %d runs after %s, want %s", i, got, c.run)
		}
		if got := strings.Trim(fmt.Sprint(write), "[]"); got != c.write {
			t.Errorf("step %d writes after %s, want %s", i, got, c.write)
		}
	}
}

// A wget goes through the proxy, and an address that is forbidden goes nowhere.

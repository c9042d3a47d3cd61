package scripts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
)

// live shows a job's card in a kernel, asks the kernel something while the job waits for a file, lets the job go on, and prints what came
// for the card until the job has ended. Nobody waits for the job in the kernel.
const live = `
import os, queue, sys, time
from jupyter_client.manager import start_new_kernel
work = sys.argv[1]
manager, client = start_new_kernel(kernel_name="python3")
client.execute(f"""import os, ferry
job = ferry.submit(image=os.environ['IMAGE'], command=['sh', '-c', 'echo first; while [ ! -e go ]; do sleep 0.1; done; echo last'], workdir={work!r})
job""")
place, shown, asked = None, [], None
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        m = client.get_iopub_msg(timeout=5)
    except queue.Empty:
        continue
    kind, content = m["msg_type"], m["content"]
    if kind == "error":
        print(content)
        break
    if kind in ("display_data", "update_display_data"):
        if kind == "display_data":
            place = content["transient"]["display_id"]
        assert content["transient"]["display_id"] == place
        shown.append(content["data"]["text/html"])
        if "first" in shown[-1] and asked is None:
            asked = client.execute("6 * 7")
        if ">done</span>" in shown[-1]:
            break
    if kind == "execute_result" and content["data"]["text/plain"] == "42":
        print("the kernel was free, the card was", "running" if ">running</span>" in shown[-1] else shown[-1])
        open(os.path.join(work, "go"), "w").close()
print("drawn more than twice:", len(shown) > 2)
print("the end:", ">done</span>" in shown[-1] and "last" in shown[-1])
client.stop_channels()
manager.shutdown_kernel(now=True)
`

// A job's card is drawn again while the job goes on, with the last lines of its output, and the kernel is free meanwhile.
func TestCardIsLive(t *testing.T) {
	host, image, ferry := testenv.Docker(t), testenv.ModuleImage(t), testenv.FerryBinary(t)
	_, err := os.Stat(filepath.Join(testenv.Root(), "bin", "jupyter", "bin", "python"))
	testenv.Require(t, err == nil, "a Jupyter kernel (scripts/jupyter.sh install)")
	dir := t.TempDir()
	env := []string{"FERRY=" + ferry, "PYTHONPATH=" + filepath.Join(testenv.Root(), "python", "src"), "IMAGE=" + image, "DOCKER_HOST=" + host,
		"XDG_STATE_HOME=" + filepath.Join(dir, "state"), "PYTHONDONTWRITEBYTECODE=1", "TMPDIR=" + dir}
	out := python(t, env, "python", "-c", live, filepath.Join(dir, "work"))
	for _, want := range []string{"the kernel was free, the card was running", "drawn more than twice: True", "the end: True"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
}

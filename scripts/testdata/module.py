"""Checks ferry.Module with real jobs: module.py DIR. An assertion that fails is an error with its line."""

import inspect
import os
import pickle
import pydoc
import sys
import threading
from pathlib import Path

import ferry

MANIFEST = """name=Odd One
LSID=urn\\:lsid\\:test\\:module\\:7\\:3
description=shows what arrives
commandLine=sh <libdir>run.sh <a.b> <a_b> <class> <1st> <to> <files> <groups> <flag> <job.memory>
p1_name=a.b
p1_description=dots and a clash
p2_name=a_b
p2_optional=on
p2_default_value=second
p3_name=class
p3_optional=on
p3_value=slow=Thorough;fast=Quick
p3_default_value=Thorough
p4_name=1st
p4_optional=on
p4_type=PASSWORD
p5_name=to
p5_optional=on
p6_name=files
p6_type=java.io.File
p6_numValues=0+
p6_listMode=CMD
p7_name=groups
p7_type=java.io.File
p7_numValues=0+
p7_numGroups=0+
p8_name=flag
p8_optional=on
p8_value=TRUE;FALSE
p8_default_value=FALSE
"""
RUN = 'for a in "$@"; do printf "[%s]\\n" "$a"; done > args.txt\nfor a in "$@"; do case $a in *.tsv) cat "$a" > groups.tsv;; esac; done\n'

work = Path(sys.argv[1])
home = work / "modules" / "Odd"
home.mkdir(parents=True)
(home / "manifest").write_text(MANIFEST + f"job.docker.image={os.environ['IMAGE']}\n")
(home / "run.sh").write_text(RUN)
os.chdir(work)
for name in ("x.txt", "y.txt"):
    Path(name).write_text(name)

# a signature, help, completion
m = ferry.Module(home)
assert list(inspect.signature(m).parameters) == ["a_b", "a_b_2", "class_", "_1st", "to_", "files", "groups", "flag", "to", "workdir", "image", "options"], inspect.signature(m)
assert inspect.signature(m).parameters["a_b"].default is inspect.Parameter.empty
assert inspect.signature(m).parameters["a_b_2"].default == "second"
text = pydoc.plain(pydoc.render_doc(m))
for want in ("shows what arrives", "a_b: text, required", "dots and a clash", "'slow'  Thorough", "class_: text, default Thorough", "files: file, 0+ values", "urn:lsid:test:module:7:3"):
    assert want in text, text
from IPython.core.completer import provisionalcompleter  # noqa: E402
from IPython.core.interactiveshell import InteractiveShell  # noqa: E402

shell = InteractiveShell.instance()
shell.user_ns["m"] = m
for jedi in (True, False):
    shell.Completer.use_jedi = jedi
    with provisionalcompleter():
        found = [c.text for c in shell.Completer.completions("m(a_", 4)]
    assert {"a_b=", "a_b_2="} <= set(found), found

# values arrive as they are; "" and None count as not given
odd = "it's $HOME \"x\" * \\ ;\nline 2 é 😀 <a_b"
job = m(a_b=odd, a_b_2="", class_=None, _1st="secret", to_="there", files=["x.txt", Path("y.txt")], groups={"g": ["x.txt"], "h": "y.txt"}, flag=True, job_memory="64m", to="local")
files = {f.get_name(): f for f in job.get_output_files()}
assert sorted(files) == ["args.txt", "groups.tsv"], files
got = files["args.txt"].read()
want = f"[{odd}]\n[second]\n[slow]\n[secret]\n[there]\n[{work}/x.txt,{work}/y.txt]\n"
assert got.startswith(want), got
assert got.endswith("[TRUE]\n[64m]\n"), got
assert files["groups.tsv"].read() == f"VALUE\tGROUP\tURL\n{work}/x.txt\tg\tx.txt\n{work}/y.txt\th\ty.txt\n", files["groups.tsv"].read()
assert job.is_finished() and not job.has_error() and job.get_file("none") is None
assert Path(job.outputs["args.txt"]).parent == work / "Odd_One", job.outputs["args.txt"]
assert m(**{"a.b": files["args.txt"], "to": "local"}).result()["args.txt"].read_text().startswith(f"[{work}/Odd_One/args.txt]")

# a job is its handle: it may go to another process. A module stays what it is when the program goes to another directory
job = m(a_b=1, files=b"x.txt", workdir="an other")
assert pickle.loads(pickle.dumps(job)).result()["args.txt"].read_text().endswith(f"[{work}/x.txt]\n[FALSE]\n")
assert pickle.loads(pickle.dumps(m)).parameters.keys() == m.parameters.keys()
relative = ferry.Module("modules/Odd")
os.mkdir("elsewhere")
os.chdir("elsewhere")
assert relative(a_b=1).result()["args.txt"].read_text().startswith("[1]\n")
os.chdir("..")
results = []
threads = [threading.Thread(target=lambda i=i: results.append(m(a_b=i).result()["args.txt"].read_text()[:3])) for i in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert sorted(results) == ["[0]", "[1]", "[2]", "[3]"], results

# names that are none of Python's, and texts that are no HTML
hostile = Path("-hostile")
hostile.mkdir()
names = ["options", "a²", "²", "ﬁle", "self", "None", "x-y", "x y", "é"]
text = "name=<script>alert(1)</script>\ncommandLine=cat " + " ".join(f"<{n.replace(' ', '')}>" for n in names) + "\n"
text += "".join(f"p{i}_name={n}\np{i}_optional=on\np{i}_description=<img src=x onerror=alert(2)>\np{i}_default_value=</td>'\"\\n<b>\n" for i, n in enumerate(names, 1))
(hostile / "manifest").write_text(text + "p10_name=pw\np10_type=PASSWORD\np10_default_value=hunter2\n", encoding="utf-8")
h = ferry.Module("-hostile")
assert list(h.parameters) == ["options_", "a2", "_2", "file", "self", "None_", "x_y", "x_y_2", "é", "pw"], list(h.parameters)
assert not {"<script", "<img", "<b>alert", "hunter2"} & {w for w in ("<script", "<img", "<b>alert", "hunter2") if w in h._repr_html_()}, h._repr_html_()
assert "hunter2" not in pydoc.render_doc(h)
for box in h.form().box.children:
    for w in getattr(box, "children", ()) or [box]:
        assert type(w).__name__ != "HTML" or "<script" not in w.value and "<img" not in w.value, w.value

# the names of GenePattern's library
server = ferry.GPServer("modules")
task = ferry.GPTask(server, "urn:lsid:test:module:7")
assert [p.get_name() for p in task.get_parameters()][:3] == ["a.b", "a_b", "class"]
p = task.get_parameters()[2]
assert p.is_optional() and p.get_choices() == [{"value": "slow", "label": "Thorough"}, {"value": "fast", "label": "Quick"}]
assert not task.get_parameters()[0].is_optional()
spec = task.make_job_spec()
spec.set_parameter("a.b", "1")
spec.set_parameter("groups", ["x.txt", "y.txt"], group_id="one")
spec.set_parameter("groups", "x.txt", group_id="two")
spec.set_parameter("job.memory", "128m")
job = server.run_job(spec)
assert job.get_file("args.txt").read().startswith("[1]\n[second]"), job.get_file("args.txt").read()
assert job.get_file("args.txt").open().read().endswith(b"[128m]\n")
assert job.get_file("groups.tsv").read().count("\n") == 4
assert not server.run_job(spec, wait_until_done=False).has_error()


# what is wrong is said at once, before anything starts
def refusal(call):
    try:
        call()
    except ferry.UsageError as error:
        return str(error)
    raise AssertionError("it was not refused")


said = refusal(lambda: m(class_="zzz", files="none.txt"))
assert "a.b is required; class=zzz is none of slow (Thorough), fast (Quick); files: none.txt: no such file" in said, said
assert refusal(lambda: m(a_b=1, flags=True)) == "unknown parameter flags: did you mean flag?"
said = refusal(lambda: m(a_b=1, frob_nicate=True))
assert said.startswith("frob_nicate is no parameter of Odd One, and no option of ferry submit"), said
assert "files is an open file, and takes a path" in refusal(lambda: m(a_b=1, files=open("x.txt")))
assert "'\\udcff' in a parameter is no character" in refusal(lambda: m(a_b=1, files=os.fsdecode(b"f\xff.txt")))
assert "there is no module Nope in modules" in refusal(lambda: ferry.GPTask(server, "Nope"))
try:
    ferry.Module("none.zip")
    raise AssertionError("there is no such module")
except ferry.FerryError as error:
    assert "none.zip: no such file or directory" in str(error), error

# a form where ipywidgets is, and a table where it is not
form = m.form()
kinds = {name: type(w).__name__ for name, w in form.widgets.items()}
assert kinds == {"a_b": "Text", "a_b_2": "Text", "class_": "Dropdown", "_1st": "Password", "to_": "Text", "files": "Textarea", "groups": "Textarea", "flag": "Dropdown"}, kinds
assert form.arguments() == {}, form.arguments()
form.widgets["class_"].value = "fast"
form.widgets["files"].value = "x.txt\n\ny.txt"
form.widgets["groups"].value = "g=x.txt\ng=y.txt"
assert form.arguments() == {"class_": "fast", "files": ["x.txt", "y.txt"], "groups": {"g": ["x.txt", "y.txt"]}}, form.arguments()
form.run()
assert "a.b is required" in form.shown.value and form.job is None, form.shown.value
assert "application/vnd.jupyter.widget-view+json" in m._repr_mimebundle_()
del sys.modules["ferry._form"]
sys.modules["ipywidgets"] = None  # as where it is not installed
assert sorted(m._repr_mimebundle_()) == ["text/html", "text/plain"]
assert "<code>class_</code>" in m._repr_mimebundle_()["text/html"]
print("all holds")

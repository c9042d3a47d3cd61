"""GenePattern modules as functions."""

from __future__ import annotations

import difflib
import html
import inspect
import json
import keyword
import os
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import IO, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ._job import ENDED, Job, PathLike, flags
from ._run import UsageError, run, run_json

# OWN are the arguments of a call that are no parameters of the module.
OWN = ("to", "workdir", "image")
REST = "options"

# RESOURCES are what a call may say of the job's resources, as a manifest writes them.
RESOURCES = {"job_memory": "job.memory", "job_cpuCount": "job.cpuCount", "job_walltime": "job.walltime"}


class Parameter:
    """One parameter of a module. python_name is its name in a call."""

    def __init__(self, raw: Mapping[str, Any], python_name: str) -> None:
        self.name: str = raw["name"]
        self.python_name = python_name
        self.type: str = raw["type"]
        self.formats: Sequence[str] = raw.get("formats") or ()
        self.default: Optional[str] = raw.get("default")
        self.description: str = raw.get("description", "")
        self.range: str = raw.get("range", "")
        self.values: str = raw["values"]
        self.groups: str = raw.get("groups", "")
        self.choices_at: str = raw.get("choices_at", "")
        self.choices: Sequence[Tuple[str, str]] = [(c["value"], c["label"]) for c in raw.get("choices") or ()]
        self.required: bool = raw["required"] and self.default is None and not self.choices

    @property
    def many(self) -> bool:
        """Whether it takes more than one value."""
        return self.values not in ("1", "0..1")

    def get_name(self) -> str:
        return self.name

    def get_type(self) -> str:
        return self.type

    def get_description(self) -> str:
        return self.description

    def get_default_value(self) -> Optional[str]:
        return self.default

    def is_optional(self) -> bool:
        return not self.required

    def is_choice_param(self) -> bool:
        return bool(self.choices)

    def get_choices(self) -> List[Dict[str, str]]:
        return [{"value": value, "label": label} for value, label in self.choices]

    def about(self) -> str:
        """Its type and what its values may be, in a few words."""
        words = [self.type + (f" ({', '.join(self.formats)})" if self.formats else "")]
        if self.many:
            words.append(f"{self.values} values")
        if self.range:
            words.append(self.range)
        if self.groups:
            words.append(f"in groups ({self.groups})")
        if self.required:
            words.append("required")
        elif self.default is not None:
            words.append(f"default {self.default}")
        else:
            words.append("optional")
        return ", ".join(words)

    def text(self, value: Any) -> Any:
        """A value as it is written for ferry: a text, a list of texts, or a mapping of groups to lists."""
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, (bytes, os.PathLike)):
            return os.fsdecode(value)
        if hasattr(value, "read"):  # its lines would be taken for values
            raise UsageError(f"{self.name} is an open file, and takes a path", "usage", "give its name", 64)
        if isinstance(value, Mapping):
            return {str(group): self.text(v) for group, v in value.items()}
        if isinstance(value, bool):
            truth = str(value).lower()
            return next((v for v, _ in self.choices if v.lower() == truth), truth)
        if isinstance(value, Iterable):
            return [self.text(v) for v in value]
        return str(value)

    def __repr__(self) -> str:
        return f"<ferry.Parameter {self.name}: {self.about()}>"


def _python_name(name: str, taken: Iterable[str]) -> str:
    """The name of a parameter in a call: dots become underscores. One that is taken, or is a word of Python's, gets another end."""
    # Python reads names in this form (PEP 3131): what is typed would not be found otherwise.
    text = "".join(c if f"_{c}".isidentifier() else "_" for c in unicodedata.normalize("NFKC", name))
    if not text.isidentifier():
        text = "_" + text
    if keyword.iskeyword(text) or text in (*OWN, REST):
        text += "_"
    free, n = text, 2
    while free in taken:
        free, n = f"{text}_{n}", n + 1
    return free


class OutputFile(os.PathLike):  # type: ignore[type-arg]
    """A file that a job has made. It may be a parameter of another job."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path

    def get_name(self) -> str:
        return self.name

    def open(self) -> IO[bytes]:
        return self.path.open("rb")

    def read(self) -> str:
        return self.path.read_text(errors="replace")

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<ferry.OutputFile {self.name}>"


class ModuleJob(Job):
    """A job that runs a module. Beside the names of a future it has those of GenePattern's Python library."""

    def is_finished(self) -> bool:
        return self.done()

    def has_error(self) -> bool:
        """Whether it has ended without success. It does not wait."""
        state = self.status.state
        return state in ENDED and state != "done"

    def wait_until_done(self) -> None:
        self.wait()

    def get_output_files(self) -> List[OutputFile]:
        """Waits, and gives the files of the job, however it ended. An empty stdout.txt or stderr.txt is none."""
        files = (OutputFile(name, path) for name, path in self.outputs.items())
        return [f for f in files if f.name not in ("stdout.txt", "stderr.txt") or f.path.stat().st_size > 0]

    def get_file(self, name: str) -> Optional[OutputFile]:
        return next((f for f in self.get_output_files() if f.name == name), None)


class JobSpec:
    """What a job is to be: parameters by the names of the manifest."""

    def __init__(self, module: "Module") -> None:
        self.module = module
        self.params: Dict[str, Any] = {}

    def set_parameter(self, name: str, value: Any, group_id: Optional[str] = None) -> None:
        """Sets a parameter to a value or to a list of them. With group_id, it sets one group of a list of files."""
        if group_id is None:
            self.params[name] = value
            return
        groups = self.params.get(name)
        self.params[name] = {**(groups if isinstance(groups, dict) else {}), group_id: value}

    def run(self, *, to: str = "local", workdir: Optional[PathLike] = None, image: Optional[str] = None, **options: Any) -> ModuleJob:
        """Submits the job. Its arguments are those of a module's call that are no parameters."""
        return self.module._submit(self.params, to, workdir, image, options)


class Module:
    """A GenePattern module as a function: its arguments are the module's parameters.

    path is a zip, a directory with a manifest, a zip in a zip (all.zip/One.zip), or a URL of a zip. images is a table of images for
    modules that name none. A call submits a job and gives it at once, as ferry.submit does.
    """

    def __init__(self, path: PathLike, *, images: Optional[PathLike] = None) -> None:
        self.path = os.fspath(path)
        if "://" not in self.path:  # a notebook may go to another directory before it calls the module
            self.path = os.path.abspath(self.path)
        self._table = [] if images is None else ["--images", os.fspath(images)]
        self.raw: Mapping[str, Any] = run_json(["module", "show", "--json", *self._table, self.path])
        self.name: str = self.raw["name"]
        self.version: str = self.raw.get("version", "")
        self.lsid: str = self.raw.get("lsid", "")
        by_name: Dict[str, Parameter] = {}
        for p in self.raw["parameters"]:
            free = _python_name(p["name"], by_name)
            by_name[free] = Parameter(p, free)
        self.parameters: Mapping[str, Parameter] = by_name
        self.__name__ = self.__qualname__ = re.sub(r"\W", "_", self.name)
        self.__signature__ = self._signature()
        self.__doc__ = self._document()

    def _signature(self) -> inspect.Signature:
        only = inspect.Parameter.KEYWORD_ONLY
        required = [inspect.Parameter(p.python_name, only) for p in self.parameters.values() if p.required]
        others = [inspect.Parameter(p.python_name, only, default=p.default) for p in self.parameters.values() if not p.required]
        own = [inspect.Parameter(name, only, default="local" if name == "to" else None) for name in OWN]
        return inspect.Signature([*required, *others, *own, inspect.Parameter(REST, inspect.Parameter.VAR_KEYWORD)])

    def _document(self) -> str:
        lines = [f"{self.name}{self.__signature__}", "", self.raw.get("description", ""), "",
                 " ".join(t for t in (self.name, self.version, self.lsid) if t)]
        if self.raw.get("image"):
            lines.append(f"image {self.raw['image']} ({self.raw.get('image_from', '')})")
        if self.raw.get("refused"):
            lines.append(f"It cannot run here: {self.raw['refused']}")
        lines += [f"note: {note}" for note in self.raw.get("notes") or ()]
        lines += ["", "Parameters"]
        for p in self.parameters.values():
            lines.append(f"  {p.python_name}: {p.about()}")
            lines += [f"      {line}" for line in p.description.splitlines()]
            lines += [f"      = {value!r}{f'  {label}' if label != value else ''}" for value, label in p.choices]
            if p.choices_at:
                lines.append(f"      choices at {p.choices_at}")
        lines += ["", "Where and how it runs", "  to: 'local', 'batch:QUEUE' or 'slurm[:PARTITION]'",
                  "  workdir: where the results will be; by default a new directory named after the module", "  image: another image",
                  "  options: those of `ferry submit`, with _ for -: memory='8g', remote='s3://bucket/me', …", "",
                  "It gives a ferry.ModuleJob: result() waits, outputs are the files."]
        return "\n".join(lines)

    def __call__(self, /, *, to: str = "local", workdir: Optional[PathLike] = None, image: Optional[str] = None, **given: Any) -> ModuleJob:
        params: Dict[str, Any] = {}
        options: Dict[str, Any] = {}
        names = {p.name for p in self.parameters.values()}
        for key, value in given.items():
            if key in self.parameters:
                params[self.parameters[key].name] = value
            elif key in names or key.startswith("job."):
                params[key] = value
            elif key in RESOURCES:
                params[RESOURCES[key]] = value
            else:
                options[key] = value
        return self._submit(params, to, workdir, image, options)

    def _submit(self, params: Mapping[str, Any], to: str, workdir: Optional[PathLike], image: Optional[str], options: Mapping[str, Any]) -> ModuleJob:
        for key in options:
            near = difflib.get_close_matches(key, self.parameters, 1, 0.8)
            if near and near[0] not in params:
                raise UsageError(f"unknown parameter {key}: did you mean {near[0]}?", "usage", "", 64)
        by_name = {p.name: p for p in self.parameters.values()}
        texts = {name: by_name[name].text(value) if name in by_name else str(value) for name, value in params.items()}
        try:  # Python has what is no UTF-8 in a file's name as halves of characters
            data = json.dumps(texts, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{error.object[error.start]!r} in a parameter is no character", "usage", "rename a file whose name is no UTF-8", 64) from None
        args = ["module", "run", "--to", to, "--json", *self._table]
        if to == "local":
            args.append("--detach")
        if workdir is not None:
            args += ["--workdir", os.fspath(workdir)]
        if image is not None:
            args += ["--image", image]
        with tempfile.NamedTemporaryFile(suffix=".json") as f:  # only its owner reads it: there may be passwords
            f.write(data)
            f.flush()
            try:
                st = run_json([*args, *flags(options), "--params", f.name, self.path])
            except UsageError as error:
                for key in options:
                    if error.message == "flag provided but not defined: -" + key.replace("_", "-"):
                        raise UsageError(f"{key} is no parameter of {self.name}, and no option of ferry submit", "usage", "help() shows what there is", 64) from None
                raise
        return ModuleJob(st["handle"], st["id"], st["target"])

    def make_job_spec(self) -> JobSpec:
        return JobSpec(self)

    def get_parameters(self) -> List[Parameter]:
        return list(self.parameters.values())

    def get_name(self) -> str:
        return self.name

    def get_lsid(self) -> str:
        return self.lsid

    def get_version(self) -> str:
        return self.version

    def get_description(self) -> str:
        return str(self.raw.get("description", ""))

    def form(self) -> Any:
        """A form of widgets for the parameters. It needs ipywidgets."""
        from ._form import Form

        return Form(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Dict[str, Any]:
        bundle: Dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        try:
            form = self.form()
        except ImportError:
            return bundle
        return {**form.box._repr_mimebundle_(), **bundle}

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = [f"<tr><th {left}>parameter</th><th {left}>what</th><th {left}>values</th></tr>"]
        for p in self.parameters.values():
            choices = "<br>".join(html.escape(value if label == value else f"{value} ({label})") for value, label in p.choices)
            rows.append(f"<tr><td {left}><code>{p.python_name}</code></td><td {left}>{html.escape(p.description)}</td>"
                        f"<td {left}>{html.escape(p.about())}{'<br>' if choices else ''}{choices}</td></tr>")
        return (f"<b>{html.escape(self.name)}</b> {html.escape(self.version)}<br>{html.escape(self.get_description())}"
                f"<table>{''.join(rows)}</table>")

    def __repr__(self) -> str:
        return f"<ferry.Module {self.name}{' ' + self.version if self.version else ''}>"


class GPServer:
    """A directory of modules in the place of a GenePattern server. to and options say where and how its jobs run."""

    def __init__(self, modules: PathLike, *, to: str = "local", **options: Any) -> None:
        self.modules, self.to, self.options = os.fspath(modules), to, options

    def get_task_list(self) -> List[Module]:
        return [Module(path) for path, _ in self._listed()]

    def _listed(self) -> List[Tuple[str, Mapping[str, Any]]]:
        found = [json.loads(line) for line in run("module", "list", "--json", self.modules).splitlines()]
        return [(m["path"], m) for m in found if not m.get("refused") and not m.get("error")]

    def run_job(self, job_spec: JobSpec, wait_until_done: bool = True) -> ModuleJob:
        job = job_spec.run(to=self.to, **self.options)
        if wait_until_done:
            job.wait()
        return job


def GPTask(server: GPServer, name_or_lsid: str) -> Module:
    """The module of a name, or of an LSID with or without its version, among those of a server."""
    for path, listed in server._listed():
        lsid = listed.get("lsid", "")
        if name_or_lsid in (listed["name"], lsid) or lsid.startswith(name_or_lsid + ":"):
            return Module(path)
    raise UsageError(f"there is no module {name_or_lsid} in {server.modules}", "usage", "ferry module list DIR shows those that there are", 64)

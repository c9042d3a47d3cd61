"""Jobs with the habits of concurrent.futures."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping as MappingBase
from concurrent.futures import CancelledError, TimeoutError
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Union

from . import _card
from ._run import FerryError, UsageError, run, run_json

PathLike = Union[str, "os.PathLike[str]"]
ENDED = ("done", "failed", "cancelled", "lost")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Failed(FerryError):
    """The module ended with another exit code than 0, or ferry could not run it."""


class OutOfMemory(Failed):
    """The module was killed for memory."""


class WalltimeReached(Failed):
    """The module ran for its whole walltime."""


class Lost(FerryError):
    """The scheduler says that the job ended, and no record does."""


class Cancelled(FerryError, CancelledError):
    """Somebody ended the job."""


class Status(NamedTuple):
    """What there is to say of a job."""

    state: str
    exit_code: Optional[int]
    cause: str
    message: str
    hint: str
    children: Mapping[str, int]
    failed: Sequence[int]
    raw: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def _status(raw: Mapping[str, Any]) -> Status:
    return Status(raw["state"], raw.get("exit_code"), raw.get("cause", ""), raw.get("message", ""), raw.get("hint", ""),
                  raw.get("children") or {}, raw.get("failed") or [], raw)


class Outputs(MappingBase):  # type: ignore[type-arg]
    """The files of the working dir by their names. They are fetched when one is asked for."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        self._root: Optional[Path] = None

    def _fetched(self) -> Path:
        if self._root is None:
            self._job.wait()
            self._root = Path(run_json(["fetch", "--json", self._job.handle])["dir"])
        return self._root

    def _names(self) -> List[str]:
        root = self._fetched()
        found = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
        return sorted(str(p) for p in found if ".gp_metadata" not in p.parts)

    def __getitem__(self, name: str) -> Path:
        path = self._fetched() / name
        if not path.is_file():
            raise KeyError(name)
        return path

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


class Job:
    """A job that was submitted. It is a future: result(), done(), cancel(), exception(), add_done_callback()."""

    def __init__(self, handle: str, id: str = "", target: str = "") -> None:
        self.handle, self.id, self.target = handle, id, target
        self.outputs = Outputs(self)
        self._last: Optional[Status] = None
        self._lock = threading.Lock()
        self._callbacks: List[Callable[["Job"], Any]] = []
        self._watcher: Optional[threading.Thread] = None
        self._cards: List[_card.Live] = []

    def __reduce__(self) -> Any:
        """A job that is sent to another process or kept for later is its handle; callbacks stay behind."""
        return type(self), (self.handle, self.id, self.target)

    @property
    def status(self) -> Status:
        """How far the job is."""
        if self._last is None or not self._last.ended:
            self._last = _status(run_json(["status", "--json", self.handle]))
        return self._last

    def done(self) -> bool:
        return self.status.ended

    def running(self) -> bool:
        return self.status.state in ("staging-in", "running", "staging-out")

    def cancelled(self) -> bool:
        return self.status.state == "cancelled"

    def cancel(self) -> bool:
        """Asks for the job's end. False where it has ended already."""
        if self.done():
            return False
        run("cancel", self.handle)
        return True

    def wait(self, timeout: Optional[float] = None) -> Status:
        """Waits for the job's end, however it ends. TimeoutError where that takes longer than timeout, in seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while not self.status.ended:
            if end is not None:
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"the job {self.id} is {self.status.state}")
                pause = min(pause, left)
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
        for card in self._cards:  # whoever has waited sees the end
            card.draw()
        return self.status

    def exception(self, timeout: Optional[float] = None) -> Optional[FerryError]:
        """Why the job failed; None where it succeeded."""
        st = self.wait(timeout)
        if st.state == "done":
            return None
        kind = {"cancelled": Cancelled, "lost": Lost}.get(st.state) or {"oom": OutOfMemory, "walltime": WalltimeReached}.get(st.cause, Failed)
        return kind(f"job {self.id} {st.state}: {st.message or st.exit_code}", st.cause, st.hint, st.exit_code)

    def result(self, timeout: Optional[float] = None) -> Outputs:
        """Waits, and gives the outputs. What went wrong is an exception with its cause and a hint."""
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self.outputs

    def logs(self) -> str:
        """What the module has written to its stdout and stderr so far."""
        return run("logs", self.handle)

    def tail(self, lines: int = 10, child: Optional[int] = None) -> str:
        """The last lines of what the module has written to stdout, and those of stderr; of an array, of a child."""
        return run("logs", "--tail", str(lines), *([] if child is None else ["--child", str(child)]), self.handle)

    def add_done_callback(self, fn: Callable[["Job"], Any]) -> None:
        """Calls fn with this job when it has ended, at once where it has. A thread waits."""
        with self._lock:
            self._callbacks.append(fn)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name=f"ferry-{self.id}", daemon=True)
                self._watcher.start()
                return
            if self._watcher.is_alive():
                return
            self._callbacks.remove(fn)
        fn(self)

    def _watch(self) -> None:
        self.wait()
        while True:
            with self._lock:
                if not self._callbacks:
                    return
                fn = self._callbacks.pop(0)
            try:
                fn(self)
            except Exception as error:  # as concurrent.futures: one callback's failure is no other's
                print(f"ferry: a callback of job {self.id} failed: {error}")

    def __repr__(self) -> str:
        state = self._last.state if self._last else "submitted"
        return f"<ferry.Job {self.id} {state}>"

    def _repr_html_(self) -> str:
        return _card.card(self)

    def _ipython_display_(self) -> None:
        live = _card.show(self)
        if live is not None:
            self._cards.append(live)


class Jobs(Job):
    """An array of jobs. result() gives the outputs of all children, in the order of their indices as name INDEX/FILE."""

    def children(self) -> Mapping[str, int]:
        """How many are in each state."""
        return self.status.children


def _arguments(to: str, image: str, command: Sequence[str], inputs: Sequence[PathLike], workdir: Optional[PathLike], env: Optional[Mapping[str, str]],
               options: Mapping[str, Any]) -> List[str]:
    args = ["submit", "--to", to, "--json", "--image", image]
    if to == "local":
        args.append("--detach")
    if workdir is not None:
        args += ["--workdir", os.fspath(workdir)]
    for p in inputs:
        args += ["--input", os.fspath(p)]
    for name, value in (env or {}).items():
        args += ["--env", f"{name}={value}"]
    return [*args, *flags(options), "--", *command]


def flags(options: Mapping[str, Any]) -> List[str]:
    """Options of ferry submit as its arguments: _ becomes -, and a list repeats an option."""
    args: List[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        for v in value if isinstance(value, (list, tuple)) else [value]:
            args.append(f"{flag}={str(v).lower() if isinstance(v, bool) else v}")
    return args


def submit(*, image: str, command: Sequence[str], inputs: Sequence[PathLike] = (), workdir: Optional[PathLike] = None, to: str = "local",
           env: Optional[Mapping[str, str]] = None, **options: Any) -> Job:
    """Submits a job. options are those of `ferry submit`, with _ for -: memory="4g", remote="s3://bucket/me", cpus=2, …"""
    if isinstance(command, str):
        raise UsageError("command is a list of arguments, not one text", "usage", 'such as ["sh", "-c", "…"]', 64)
    st = run_json(_arguments(to, image, command, inputs, workdir, env, options))
    return Job(st["handle"], st["id"], st["target"])


def map(command: Sequence[str], items: Sequence[Mapping[str, Any]], *, image: str, inputs: Sequence[PathLike] = (), workdir: Optional[PathLike] = None,
        to: str = "local", env: Optional[Mapping[str, str]] = None, **options: Any) -> Jobs:
    """Submits an array: one child for each item. {name} in the command stands for the item's value of that name, {index} for its index."""
    import csv
    import tempfile

    if not items:
        raise UsageError("there are no items", "usage", "", 64)
    columns: Dict[str, None] = {}
    for item in items:
        columns.update(dict.fromkeys(item))
    with tempfile.TemporaryDirectory() as dir:
        each = os.path.join(dir, "each.csv")
        with open(each, "w", newline="") as f:
            rows = csv.writer(f, quoting=csv.QUOTE_ALL)
            rows.writerow(columns)
            rows.writerows([item.get(c, "") for c in columns] for item in items)
        st = run_json(_arguments(to, image, command, inputs, workdir, env, {**options, "each": each}))
    return Jobs(st["handle"], st["id"], st["target"])


def attach(ref: str) -> Job:
    """The job of a handle, or of a short id of this machine."""
    raw = json.loads(run("status", "--json", ref))
    job = (Jobs if raw.get("children") else Job)(raw["handle"], raw["id"], raw["target"])
    job._last = _status(raw)
    return job

"""A job's card in a notebook: it is drawn again while the job goes on, and the kernel is free meanwhile."""

from __future__ import annotations

import html
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from ._run import FerryError

if TYPE_CHECKING:
    from ._job import Job, Status

STAGES = (("queued", "queued"), ("staging-in", "stage in"), ("running", "run"), ("staging-out", "stage out"), ("done", "done"))
COLOURS = {"done": "#2e7d32", "failed": "#c62828", "lost": "#c62828", "cancelled": "#6d4c41"}
ACTIVE, FAINT = "#1565c0", "#b0bec5"
LINES = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
GIB = 1 << 30


def card(job: "Job") -> str:
    """The job as HTML, as it is now."""
    try:
        st = job.status
    except FerryError as error:
        return _box(ACTIVE, f"<b>ferry job {html.escape(job.id)}</b> <span>no word of it: {html.escape(str(error))}</span>")
    colour = COLOURS.get(st.state, ACTIVE)
    rows = [("target", job.target), ("time", _took(st.raw)), ("exit code", "" if st.exit_code is None else str(st.exit_code)), ("cause", st.cause),
            ("message", st.message), ("hint", st.hint), ("children", ", ".join(f"{n} {s}" for s, n in st.children.items())), ("memory", _memory(st.raw)),
            ("handle", job.handle)]
    cell = "style='text-align:left;padding:0 1em 0 0'"
    table = "".join(f"<tr><td {cell}>{k}</td><td {cell}>{html.escape(v)}</td></tr>" for k, v in rows if v)
    bar = _children(st) if st.children else _stages(st.state, colour)
    last = _last_lines(job, st)
    output = f"<pre style='margin:0.5em 0 0;font-family:monospace;line-height:1.3'>{html.escape(last)}</pre>" if last else ""
    return _box(colour, f"<b>ferry job {html.escape(job.id)}</b> <span style='color:{colour}'>{html.escape(st.state)}</span>{bar}<table>{table}</table>{output}")


def _box(colour: str, inner: str) -> str:
    return f"<div style='border-left:4px solid {colour};padding:0.3em 0.8em'>{inner}</div>"


def _stages(state: str, colour: str) -> str:
    """The stages of a job's life, as far as it has come."""
    names = [name for name, _ in STAGES]
    at = names.index(state) if state in names else -1
    parts = []
    for i, (_, text) in enumerate(STAGES):
        here = i == at
        shade = colour if i <= at else FAINT
        parts.append(f"<span style='color:{shade};{'font-weight:bold' if here else ''}'>{'●' if i <= at else '○'} {text}</span>")
    return f"<div style='margin:0.3em 0'>{' — '.join(parts)}</div>" if at >= 0 else ""


def _children(st: "Status") -> str:
    """How many children have ended, as a bar."""
    total = sum(st.children.values()) or 1
    shades = dict(COLOURS, running=ACTIVE, **{"staging-in": ACTIVE, "staging-out": ACTIVE})
    parts = "".join(f"<div title='{n} {html.escape(s)}' style='width:{100 * n / total:.2f}%;background:{shades.get(s, FAINT)}'></div>"
                    for s, n in sorted(st.children.items(), key=lambda kv: list(shades).index(kv[0]) if kv[0] in shades else len(shades)) if n)
    ended = sum(n for s, n in st.children.items() if s in COLOURS)
    return f"<div style='display:flex;height:0.7em;width:24em;margin:0.4em 0;background:{FAINT}'>{parts}</div><div>{ended} of {total} have ended</div>"


def _last_lines(job: "Job", st: "Status") -> str:
    """The end of the output; of an array that of the first child that failed."""
    try:
        if not st.children:
            return job.tail(LINES)
        return f"child {st.failed[0]}:\n{job.tail(LINES, child=st.failed[0])}" if st.failed else ""
    except FerryError:
        return ""


def _time(text: Any) -> Optional[datetime]:
    """A time as ferry writes it, to the second; None where there is none."""
    try:
        return datetime.strptime(str(text)[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _took(raw: Mapping[str, Any]) -> str:
    begun, ended = _time(raw.get("started")), _time(raw.get("ended"))
    if begun is None:
        return ""
    seconds = max(0, int(((ended or datetime.now(timezone.utc)) - begun).total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _size(n: int) -> str:
    return f"{n / GIB:.1f} GiB" if n >= GIB else f"{max(1, n >> 20)} MiB"


def _memory(raw: Mapping[str, Any]) -> str:
    peak, limit, advice = raw.get("peak_memory_bytes", 0), raw.get("memory_limit_bytes", 0), raw.get("suggestion", "")
    words = [f"peak {_size(peak)}"] if peak else []
    if limit:
        words.append(f"limit {_size(limit)}")
    return "; ".join([*([", ".join(words)] if words else []), *([advice] if advice else [])])


class Live:
    """A card that somebody sees: put shows it. It is drawn again until the job has ended, by a thread."""

    def __init__(self, job: "Job", put: Callable[[str], None]) -> None:
        self._job, self._put = job, put
        self._lock = threading.Lock()
        self._shown, self._final = "", False

    def draw(self) -> bool:
        """Draws the card where it has changed. Whether it is the last time."""
        with self._lock:
            if self._final:
                return True
            last = self._job._last
            self._final = last is not None and last.ended
            text = card(self._job)
            if not self._final:
                last = self._job._last
                self._final = last is not None and last.ended
            if text != self._shown:
                self._shown = text
                self._put(text)
            return self._final

    def follow(self) -> None:
        """Draws until the job has ended. It does not wait."""
        if not self.draw():
            threading.Thread(target=self._follow, name=f"ferry-card-{self._job.id}", daemon=True).start()

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        while True:
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
            if self.draw():
                return


def show(job: "Job") -> Optional[Live]:
    """Shows a job's card in a notebook, where it goes on being drawn; elsewhere its text."""
    from IPython import get_ipython  # type: ignore[import-untyped,import-not-found,attr-defined,unused-ignore]
    from IPython.display import display  # type: ignore[import-untyped,import-not-found,unused-ignore]

    if getattr(get_ipython(), "kernel", None) is None:
        print(repr(job))
        return None
    place: Any = None

    def put(text: str) -> None:
        nonlocal place
        bundle = {"text/html": text, "text/plain": repr(job)}
        if place is None:
            place = display(bundle, raw=True, display_id=True)
        else:
            place.update(bundle, raw=True)

    live = Live(job, put)
    live.follow()
    return live

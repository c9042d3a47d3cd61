"""A form for a module's parameters, of Jupyter's widgets."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import ipywidgets  # type: ignore[import-untyped,import-not-found,unused-ignore]

from ._card import Live
from ._run import FerryError

if TYPE_CHECKING:
    from ._module import Module, ModuleJob, Parameter


class Form:
    """Widgets by the names of the parameters in a call, and a button that runs the module."""

    def __init__(self, module: "Module") -> None:
        self.module = module
        self.job: Optional["ModuleJob"] = None
        self.widgets: Dict[str, Any] = {p.python_name: _widget(p) for p in module.get_parameters()}
        self.to = ipywidgets.Text(value="local", description="to")
        self.workdir = ipywidgets.Text(description="workdir", placeholder=f"a new directory {module.name}")
        self.image = ipywidgets.Text(description="image", placeholder=module.raw.get("image", ""))
        self.button = ipywidgets.Button(description="Run", button_style="primary", tooltip=f"run {module.name}")
        self.shown = ipywidgets.HTML()
        self.button.on_click(lambda _: self.run())
        rows: List[Any] = [ipywidgets.HTML(f"<b>{html.escape(module.name)}</b> {html.escape(module.get_description())}")]
        for p in module.get_parameters():
            rows.append(ipywidgets.HBox([self.widgets[p.python_name], ipywidgets.HTML(html.escape(p.description))]))
        self.box = ipywidgets.VBox([*rows, ipywidgets.HBox([self.button, self.to, self.workdir, self.image]), self.shown])

    def arguments(self) -> Dict[str, Any]:
        """The arguments of a call that the form says. What is left as it was is not among them."""
        given: Dict[str, Any] = {}
        for p in self.module.get_parameters():
            value = self.widgets[p.python_name].value
            if value == _shown(p):
                continue
            if value == "":  # an empty argument is chosen by its label
                value = next((label for v, label in p.choices if v == ""), "")
            if value:
                given[p.python_name] = _several(p, value) if p.many else value
        return given

    def run(self) -> None:
        """Submits the job and shows it as it goes on. What is wrong with the values is shown, too."""
        self.button.disabled = True
        try:
            self.job = self.module(to=self.to.value, workdir=self.workdir.value or None, image=self.image.value or None, **self.arguments())
            live = Live(self.job, self._show)
            self.job._cards.append(live)
            live.follow()
        except FerryError as error:
            self.shown.value = f"<span style='color:#c62828'>{html.escape(str(error))}</span>"
        finally:
            self.button.disabled = False

    def _show(self, card: str) -> None:
        self.shown.value = card


def _shown(p: "Parameter") -> str:
    """What its widget holds at first. A default may be the label of a choice."""
    default = p.default or ""
    return next((value for value, label in p.choices if default in (value, label)), default)


def _widget(p: "Parameter") -> Any:
    common: Dict[str, Any] = {"description": p.python_name, "style": {"description_width": "14em"}, "layout": {"width": "32em"}}
    if p.choices and not p.many:
        options = [(label, value) for value, label in p.choices]
        if _shown(p) not in [value for _, value in options]:
            options.insert(0, ("", ""))
        return ipywidgets.Dropdown(options=options, value=_shown(p), **common)
    if p.choices:
        return ipywidgets.SelectMultiple(options=[(label, value) for value, label in p.choices], **common)
    if p.type == "password":
        return ipywidgets.Password(**common)
    hint = "GROUP=FILE, a line each" if p.groups else "a line each" if p.many else p.about()
    return (ipywidgets.Textarea if p.many else ipywidgets.Text)(value=_shown(p), placeholder=hint, **common)


def _several(p: "Parameter", value: Any) -> Any:
    """The values of a widget that holds several."""
    if not isinstance(value, str):
        return list(value)
    lines = [line for line in value.splitlines() if line.strip()]
    if not p.groups:
        return lines
    groups: Dict[str, List[str]] = {}
    for line in lines:
        group, _, file = line.partition("=")
        groups.setdefault(group.strip(), []).append(file.strip())
    return groups

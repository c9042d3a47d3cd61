"""Runs the program ferry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from typing import Any, Optional, Sequence


class FerryError(Exception):
    """Ferry says why something failed: cause, and a hint where the reader can act."""

    def __init__(self, message: str, cause: str = "", hint: str = "", exit_code: Optional[int] = None) -> None:
        super().__init__(message + (f" (hint: {hint})" if hint else ""))
        self.message, self.cause, self.hint, self.exit_code = message, cause, hint, exit_code


class UsageError(FerryError):
    """What was asked for makes no sense."""


def program() -> str:
    """The path of ferry: $FERRY, the one that this package brought, or the one on the PATH."""
    own = os.environ.get("FERRY")
    if own:
        return own
    beside = os.path.join(sysconfig.get_path("scripts"), "ferry")
    found = beside if os.access(beside, os.X_OK) else shutil.which("ferry")
    if found is None:
        raise FerryError("there is no program ferry", hint="pip install the wheel of this platform, or set FERRY")
    return found


def run(*args: str, stdin: Optional[bytes] = None) -> str:
    """Runs ferry, and gives what it prints. An error of ferry is an exception."""
    done = subprocess.run([program(), *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise error_of(done.stderr.decode(errors="replace"), done.returncode)
    return done.stdout.decode(errors="replace")


def error_of(stderr: str, code: int) -> FerryError:
    """The exception for what ferry said on its stderr."""
    message = hint = ""
    for line in stderr.splitlines():
        if line.startswith("ferry: ") and not line.startswith("ferry: warning: "):
            message = line[len("ferry: "):]
        elif line.startswith("hint: "):
            hint = line[len("hint: "):]
    kind = UsageError if code == 64 else FerryError
    return kind(message or stderr.strip() or f"ferry ended with {code}", "usage" if code == 64 else "", hint, code)


def run_json(args: Sequence[str]) -> Any:
    """Runs ferry, and gives the one object that it prints."""
    return json.loads(run(*args))

"""rotel, a collector in Rust with Python processors, from its public package in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .home import home

VERSION = "0.0.1a15"


def _environment() -> Path:
    return home() / f"rotel-{VERSION}"


def python() -> Path:
    """Return the interpreter of rotel's environment."""
    return _environment() / "bin" / "python"


def install(again: bool = False) -> Path:
    """Install rotel unless it is there; return its environment."""
    done = _environment() / "installed"
    if again or not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_environment())], check=True)
        command = [str(python()), "-m", "pip", "install", "-q", f"rotel=={VERSION}"]
        subprocess.run(command, check=True)
        done.touch()
    return _environment()


def agent() -> Path:
    """Return rotel's binary."""
    return next(_environment().glob("lib/python*/site-packages/rotel/rotel-agent"))

"""Prometheus and promtool, built from the public Go module without discovery of clouds and without the web pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .home import home

MODULE, VERSION = "github.com/prometheus/prometheus", "v0.315.0"
TOOLS = ("prometheus", "promtool")


def folder() -> Path:
    """Return the folder of both programs."""
    return home() / f"prometheus-{VERSION}"


def build(again: bool = False) -> Path:
    """Build both unless they are there, and return their folder; RuntimeError says what failed.

    In the module's own folder, since `go install` refuses modules that replace others.
    """
    done = folder()
    if all((done / name).exists() for name in TOOLS) and not again:
        return done
    if shutil.which("go") is None:
        raise RuntimeError("building Prometheus needs the Go toolchain (`go` is not on the PATH)")
    done.mkdir(exist_ok=True)
    fetched = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd=done, capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        raise RuntimeError(f"{MODULE} {VERSION} cannot be had: {fetched.stdout}{fetched.stderr}")
    sources = json.loads(fetched.stdout)["Dir"]
    command = ["go", "build", "-C", sources, "-tags", "remove_all_sd,netgo", "-o", f"{done}/"]
    command += [f"./cmd/{name}" for name in TOOLS]
    log = done / "build.log"
    with log.open("wb") as out:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        status = subprocess.run(
            ["nice", *command], cwd=done, env=environment, stdout=out, stderr=out, check=False
        ).returncode
    if status:
        raise RuntimeError(f"Prometheus was not built; see {log}:\n" + "\n".join(log.read_text().splitlines()[-15:]))
    return done

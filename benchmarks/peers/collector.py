"""The OpenTelemetry Collector with only the components that are compared, built by its own builder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .home import home

VERSION = "v0.161.0"
PROVIDERS = "v1.67.0"  # of confmap: the core's stable modules have numbers of their own
CORE = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"

COMPONENTS = {
    "receivers": [f"{CORE}/receiver/otlpreceiver"],
    "processors": [
        f"{CORE}/processor/batchprocessor",
        f"{CORE}/processor/memorylimiterprocessor",
        f"{CONTRIB}/processor/attributesprocessor",
        f"{CONTRIB}/processor/filterprocessor",
        f"{CONTRIB}/processor/groupbytraceprocessor",
        f"{CONTRIB}/processor/probabilisticsamplerprocessor",
        f"{CONTRIB}/processor/redactionprocessor",
        f"{CONTRIB}/processor/resourceprocessor",
        f"{CONTRIB}/processor/spanprocessor",
        f"{CONTRIB}/processor/tailsamplingprocessor",
        f"{CONTRIB}/processor/transformprocessor",
    ],
    "exporters": [
        f"{CORE}/exporter/debugexporter",
        f"{CORE}/exporter/otlpexporter",
        f"{CORE}/exporter/otlphttpexporter",
        f"{CONTRIB}/exporter/fileexporter",
    ],
    "connectors": [f"{CONTRIB}/connector/spanmetricsconnector", f"{CONTRIB}/connector/servicegraphconnector"],
    "extensions": [f"{CONTRIB}/extension/healthcheckextension", f"{CONTRIB}/extension/storage/filestorage"],
}
OPTIONAL = set(COMPONENTS["connectors"])  # one comparison needs them, and not every module proxy has them
BEFORE = ("v0.160.0", "v0.159.0", "v0.158.0")  # of those what else will do, the newest that there is


def binary() -> Path:
    """Return where the collector is, or is going to be."""
    return home() / "otelcol-peer"


def _resolves(module: str, version: str) -> bool:
    command = ["go", "mod", "download", f"{module}@{version}"]
    return subprocess.run(command, cwd=home(), capture_output=True, check=False).returncode == 0


def found() -> dict[str, str]:
    """Return the versions of the optional components; those that cannot be had are not among them."""
    newest = {module: next((v for v in (VERSION, *BEFORE) if _resolves(module, v)), "") for module in sorted(OPTIONAL)}
    return {module: version for module, version in newest.items() if version}


def manifest(target: Path, optional: Mapping[str, str]) -> dict[str, object]:
    """Return the builder's manifest: the distribution, the providers of its configuration, the components."""
    providers = [f"{CORE}/confmap/provider/{name}provider {PROVIDERS}" for name in ("env", "file", "yaml")]
    parts = {
        kind: [
            {"gomod": f"{module} {optional.get(module, VERSION)}"}
            for module in modules
            if module in optional or module not in OPTIONAL
        ]
        for kind, modules in COMPONENTS.items()
    }
    distribution = {"name": "otelcol-peer", "output_path": str(target), "version": VERSION.removeprefix("v")}
    return {"dist": distribution, "providers": [{"gomod": gomod} for gomod in providers], **parts}


def build(again: bool = False) -> Path:
    """Build the collector unless it is there; RuntimeError says what failed."""
    done = binary()
    if done.exists() and not again:
        return done
    if shutil.which("go") is None:
        raise RuntimeError("building the collector needs the Go toolchain (`go` is not on the PATH)")
    sources = home() / "otelcol-peer.build"
    sources.mkdir(exist_ok=True)
    optional = found()
    plan = sources.with_suffix(".yaml")
    plan.write_text(json.dumps(manifest(sources, optional), indent=2))  # JSON is YAML
    log = sources.with_suffix(".log")
    command = ["go", "run", f"{CORE}/cmd/builder@{VERSION}", "--config", str(plan)]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with log.open("wb") as out:
        status = subprocess.run(command, cwd=home(), env=environment, stdout=out, stderr=out, check=False).returncode
    if status:
        raise RuntimeError(f"the collector was not built; see {log}:\n" + "\n".join(log.read_text().splitlines()[-15:]))
    shutil.copy2(sources / "otelcol-peer", done.with_suffix(".tmp"))
    done.with_suffix(".tmp").replace(done)
    for module in sorted(OPTIONAL - set(optional)):
        print(f"left out, the module proxy does not have it: {module} {VERSION}")
    return done


def version() -> str:
    """Return what the built collector says of itself."""
    done = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip().rsplit(" ", 1)[-1]

"""An API server of Kubernetes, controllers, etcd and kubectl, built from their Go modules for `make e2e-kubernetes`.

k8s.io/kubernetes replaces its staging modules by folders of its own repository, which `go install` does not accept. The
same modules are published with numbers of their own (v1.37.1 is v0.37.1 there), so that one small module, with those
as its replacements, builds them all; etcd is of the version that this Kubernetes is built with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .home import home

VERSION = "v1.37.1"  # of the newest minor version that the manifests are validated for (helm/scripts/tools.py)
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def folder() -> Path:
    """Return where they are, or are going to be."""
    return home() / f"kubernetes-{VERSION}"


def module(replaced: str) -> str:
    """Return our module, given the go.mod of Kubernetes: it requires Kubernetes and replaces its staging modules."""
    staging = sorted(set(re.findall(r"^\s*(k8s\.io/\S+) => \./staging/", replaced, re.MULTILINE)))
    published = VERSION.replace("v1.", "v0.", 1)
    etcd = re.search(r"go\.etcd\.io/etcd/server/v3 (\S+)", replaced)
    language = re.search(r"^go (\S+)$", replaced, re.MULTILINE)
    if not staging or etcd is None or language is None:
        raise RuntimeError(f"the go.mod of Kubernetes {VERSION} is not of the form that is known")
    lines = [
        "module tailgate.invalid/e2e-kubernetes",
        f"go {language[1]}",
        f"require k8s.io/kubernetes {VERSION}",
        f"require {PACKAGES['etcd']} {etcd[1]}",
        *(f"replace {name} => {name} {published}" for name in staging),
    ]
    return "\n".join(lines) + "\n"


def _go(*arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", "GOMAXPROCS": "2"}
    command = ["nice", "-n", "15", "go", *arguments]
    log = folder() / "build.log"
    with log.open("ab") as errors:
        done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=errors, check=False)
    if done.returncode:
        told = "\n".join(log.read_text().splitlines()[-15:])
        raise RuntimeError(f"`{' '.join(command[3:])}` failed; see {log}:\n{told}")
    return done.stdout.decode()


def _linked() -> str:
    _, major, minor, _ = re.split(r"[v.]", VERSION)
    said = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor}
    stamps = (f"-X {package}.{name}={value}" for package in STAMPED for name, value in said.items())
    return " ".join(["-s", "-w", *stamps])


def build(again: bool = False) -> Path:
    """Build what is not there yet (up to half an hour the first time) and return its folder."""
    missing = [name for name in PACKAGES if again or not (folder() / name).exists()]
    if not missing:
        return folder()
    if shutil.which("go") is None:
        raise RuntimeError("building Kubernetes needs the Go toolchain (`go` is not on the PATH)")
    sources = folder() / "module"
    sources.mkdir(parents=True, exist_ok=True)
    found = json.loads(_go("mod", "download", "-json", f"k8s.io/kubernetes@{VERSION}", cwd=folder()))
    (sources / "go.mod").write_text(module(Path(found["GoMod"]).read_text()))
    for name in missing:
        made = folder() / f"{name}.tmp"
        _go("build", "-p", "1", "-trimpath", "-ldflags", _linked(), "-o", str(made), PACKAGES[name], cwd=sources)
        made.replace(folder() / name)
    return folder()

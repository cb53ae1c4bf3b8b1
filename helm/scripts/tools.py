"""The tools that check the chart, outside of the repository: TAILGATE_CHART_TOOLS, or ~/.cache/tailgate-chart.

Helm is built from its public Go module; the JSON Schemas of Kubernetes and checkov come from PyPI, into an environment
of their own; the operator's definitions are those in its public Go module.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HELM = "v3.22.0"
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
PACKAGES = ("kubernetes-validate==1.37.0", "checkov==3.3.30")
KUBERNETES = ("1.35", "1.36", "1.37")  # the three newest minor versions that have schemas


def home() -> Path:
    """Return the folder of the tools."""
    return Path(os.environ.get("TAILGATE_CHART_TOOLS") or Path.home() / ".cache" / "tailgate-chart")


def helm() -> Path | None:
    """Return Helm: that of TAILGATE_HELM, ours, or that on the PATH; None if there is none."""
    own = home() / "bin" / "helm"
    found = os.environ.get("TAILGATE_HELM") or (str(own) if own.exists() else shutil.which("helm"))
    return Path(found) if found else None


def python() -> Path:
    """Return the interpreter that has the packages."""
    return home() / "venv" / "bin" / "python"


def operator() -> Path:
    """Return the folder of the operator's CustomResourceDefinitions."""
    return Path((home() / "operator").read_text(encoding="utf-8")) / "example" / "prometheus-operator-crd"


def _run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - commands of this file
        [str(part) for part in command],
        env={**os.environ, **environment},
        cwd=home(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def build_helm() -> None:
    """Build Helm unless it is there."""
    if (home() / "bin" / "helm").exists():
        return
    home().mkdir(parents=True, exist_ok=True)
    _run("go", "install", f"helm.sh/helm/v3/cmd/helm@{HELM}", GOBIN=str(home() / "bin"), CGO_ENABLED="0")


def fetch_operator() -> None:
    """Fetch the operator's module unless it is there."""
    if (home() / "operator").exists() and operator().exists():
        return
    home().mkdir(parents=True, exist_ok=True)
    found = json.loads(_run("go", "mod", "download", "-json", OPERATOR))
    (home() / "operator").write_text(found["Dir"], encoding="utf-8")


def _install_packages() -> None:
    stamp = home() / "packages"
    if stamp.exists() and stamp.read_text(encoding="utf-8").split() == list(PACKAGES):
        return
    _run(sys.executable, "-m", "venv", home() / "venv")
    _run(python(), "-m", "pip", "install", "-q", *PACKAGES)
    stamp.write_text("\n".join(PACKAGES), encoding="utf-8")


def install() -> None:
    """Build and install what is not there yet: several minutes the first time, with the Go toolchain."""
    if helm() is None and shutil.which("go") is None:
        raise SystemExit("the checks of the chart need `helm`, or the Go toolchain to build it")
    home().mkdir(parents=True, exist_ok=True)
    build_helm()
    fetch_operator()
    _install_packages()


if __name__ == "__main__":
    install()
    sys.stdout.write(f"{home()}\n")

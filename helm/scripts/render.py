"""The chart rendered: for each file of values in tests/helm/values, and as the plain manifest helm/tailgate.yaml."""

from __future__ import annotations

import subprocess
from pathlib import Path

import tools

HELM_FOLDER = Path(__file__).resolve().parents[1]
CHART = HELM_FOLDER / "tailgate"
CASES = HELM_FOLDER.parent / "tests" / "helm"
NAMESPACE = "observability"

HEAD = """\
# Tailgate on every node, for people without Helm: kubectl apply -f tailgate.yaml
# Made from the chart by `make manifest`; docs/kubernetes.md says what to change.
apiVersion: v1
kind: Namespace
metadata:
  name: observability
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


class Refused(Exception):
    """Helm has refused to render; the message is what it says."""


def template(*arguments: str, version: str = tools.KUBERNETES[-1]) -> str:
    """Return what `helm template tailgate` prints; Refused if the values are refused, RuntimeError without Helm."""
    helm = tools.helm()
    if helm is None:
        raise RuntimeError("there is no helm: `make chart` builds it")
    command = [str(helm), "template", "tailgate", str(CHART), "-n", NAMESPACE, "--kube-version", f"{version}.0"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Refused(done.stderr)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def cases() -> list[Path]:
    """Return the files of values."""
    return sorted((CASES / "values").glob("*.yaml"))


def golden(values: Path) -> Path:
    """Return where the objects that these values make are kept."""
    return CASES / "golden" / values.name


def render(values: Path) -> str:
    """Return the objects that a file of values makes."""
    return template("-f", str(values))


def manifest() -> str:
    """Return the plain manifest: the chart with its own values, without what belongs to Helm."""
    text = template("--set", "tests.enabled=false")
    lines = [
        line.replace("managed-by: Helm", "managed-by: kubectl")
        for line in text.splitlines()
        if not line.startswith("# Source:") and "helm.sh/chart:" not in line
    ]
    return HEAD + "\n".join(lines) + "\n"


MANIFEST = HELM_FOLDER / "tailgate.yaml"

"""`make chart`: everything that needs tools. Golden files, lint, what is refused, Kubernetes' schemas, checkov."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import generate
import render
import tools
import yaml

VALIDITY = Path(__file__).with_name("validity.py")
SKIPS = {"CKV_K8S_43", "CKV_K8S_15"}  # the reasons stand beside the objects
REFUSED = Path(__file__).resolve().parents[2] / "tests" / "helm" / "refused.yaml"


def _run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


def lint() -> Iterator[str]:
    """`helm lint --strict` for every set of values."""
    for case in render.cases():
        version = f"{tools.KUBERNETES[-1]}.0"
        helm = tools.helm() or "helm"
        status, said = _run(helm, "lint", "--strict", render.CHART, "-f", case, "--kube-version", version)
        if status:
            yield f"{case.name}: {said}"


def current() -> Iterator[str]:
    """Everything that is generated is current."""
    for path in generate.stale({**generate.sources(), **generate.rendered()}):
        yield f"{path} is not current: run `make manifest`"


def valid() -> Iterator[str]:
    """Every object of every set of values is valid for the newest versions of Kubernetes."""
    files = [render.MANIFEST, *(render.golden(case) for case in render.cases())]
    status, said = _run(tools.python(), VALIDITY, tools.operator(), ",".join(tools.KUBERNETES), *files)
    sys.stdout.write(said if not status else "")
    if status:
        yield said


def hardened() -> Iterator[str]:
    """Checkov fails nothing of the defaults, in all three modes, and skips only what is said here."""
    for mode in ("daemonset", "deployment", "sidecar"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{mode}.yaml"
            file.write_text(render.template("--set", f"mode={mode}"), encoding="utf-8")
            checkov = [tools.python(), "-m", "checkov.main", "-f", file, "--framework", "kubernetes"]
            _, said = _run(*checkov, "--skip-download", "-o", "json")
        yield from _judge(mode, json.loads(said[said.index("{") :]))


def _judge(mode: str, report: dict[str, Any]) -> Iterator[str]:
    results = report.get("results", {"failed_checks": [], "skipped_checks": [], "passed_checks": []})
    passed, failed, skipped = (results[f"{kind}_checks"] for kind in ("passed", "failed", "skipped"))
    sys.stdout.write(f"  checkov, {mode}: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped\n")
    if mode != "sidecar" and not passed:  # ConfigMaps alone are not looked at
        yield f"{mode}: checkov has looked at nothing"
    for check in failed:
        yield f"{mode}: {check['check_id']} {check['check_name']} {check['resource']}"
    for check in skipped:
        if check["check_id"] not in SKIPS:
            yield f"{mode}: {check['check_id']} is skipped"


def refused() -> Iterator[str]:
    """Values that are not in the schema, and combinations that cannot work, are refused with the reason."""
    for case in yaml.safe_load(REFUSED.read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "values.yaml"
            file.write_text(yaml.safe_dump(case["values"]), encoding="utf-8")
            try:
                render.render(file)
            except render.Refused as error:
                if case["says"] not in str(error):
                    yield f"{case['values']} is refused, but without saying {case['says']!r}: {error}"
            else:
                yield f"{case['values']} is not refused"


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (current, lint, refused, valid, hardened)


def main() -> int:
    """Install the tools, run every check, print what is wrong."""
    tools.install()
    failures = 0
    for check in CHECKS:
        wrong = list(check())
        sys.stdout.write(f"{check.__name__}: {'ok' if not wrong else f'{len(wrong)} wrong'}\n")
        sys.stderr.write("".join(f"  {line}\n" for line in wrong))
        failures += len(wrong)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What promtool and Prometheus say of what is written: alerts, how long they wait, examples, metrics, pages."""

from __future__ import annotations

import re

import yaml
from course import HERE, ROOT, RULES, Run
from prometheus_rules import queries_of, rules_of_object
from prometheus_run import Prometheus, promtool

GOLDEN = ROOT / "tests" / "helm" / "golden" / "monitoring.yaml"


def check_rules(run: Run) -> None:
    """Have promtool read the alerts: the file, and what the chart makes of it."""
    rendered = run.folder / "prometheusrule.yaml"
    rendered.write_text(yaml.safe_dump(rules_of_object(GOLDEN.read_text(encoding="utf-8"))), encoding="utf-8")
    for what, file in (("the file", RULES), ("the PrometheusRule", rendered)):
        status, said = promtool(run.binaries, "check", "rules", "--lint=all", "--lint-fatal", file)
        run.say(f"promtool check rules, {what}: {status} {said.splitlines()[-1].strip()}")
        run.seen.rules.append(f"{what} {said.splitlines()[-1].strip().removeprefix('SUCCESS: ')}")
        if status:
            run.miss(f"promtool check rules, {what}: {said}")


def check_example(run: Run) -> None:
    """Have promtool read the configuration that docs/alerts.md shows, beside the alerts."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```text\n(# prometheus.yml\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    folder = run.folder / "example"
    folder.mkdir()
    (folder / "prometheus.yml").write_text(example, encoding="utf-8")
    (folder / "alerts.yaml").write_bytes(RULES.read_bytes())
    status, said = promtool(run.binaries, "check", "config", folder / "prometheus.yml")
    run.say(f"promtool check config, the example: {status}")
    if status:
        run.miss(f"promtool check config, the example: {said}")


def check_waiting(run: Run) -> None:
    """Have promtool test that alerts wait for as long as they say, which live Tailgates do not."""
    folder = run.folder / "waiting"
    folder.mkdir()
    for file in (RULES, HERE / "waiting.yaml"):
        (folder / file.name).write_bytes(file.read_bytes())
    status, said = promtool(run.binaries, "test", "rules", folder / "waiting.yaml")
    run.say(f"promtool test rules: {status}")
    if status:
        run.miss(f"promtool test rules: {said}")


def check_metrics(run: Run, what: str, body: bytes) -> int:
    """Have promtool read a page of metrics; return how many series it has."""
    status, said = promtool(run.binaries, "check", "metrics", given=body)
    series = sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))
    run.say(f"promtool check metrics, {what}: {status} {said!r} ({series} series)")
    if status or said:
        run.miss(f"promtool check metrics, {what}: {said}")
    return series


def check_pages(run: Run, server: Prometheus) -> None:
    """Ask what runbooks and the page of metrics tell people to ask; it must be PromQL, whatever it returns."""
    pages = [*sorted((ROOT / "docs" / "runbooks").glob("*.md")), ROOT / "docs" / "metrics.md"]
    asked = [(path.name, query) for path in pages for query in queries_of(path)]
    for name, query in asked:
        try:
            server.query(query)
        except OSError as error:
            run.miss(f"{name}: {query}: {error}")
    run.say(f"{len(asked)} queries of {len(pages)} pages are understood")

"""`make e2e-prometheus`: a real Prometheus scrapes Tailgate under load.

Four steps. promtool must have nothing to say about the metrics of the shipped configuration, nor about the alerts, as
a file and as the chart's PrometheusRule. Every query of the dashboards must return data, and no alert fire that has no
reason to. Each alert must fire of a Tailgate whose condition is made true. The dashboards are drawn. With `--write`
docs/prometheus.md and its pictures are written. Ends with 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support"), str(ROOT)]

from conditions import CONDITIONS, SCRUBBED, TOGETHER, Condition, yesterday  # noqa: E402
from course import Run, doing  # noqa: E402
from dashboard_svg import Drawn, Line, picture, shown  # noqa: E402
from prometheus_rules import Panel, alerts, hastened, panels, rules_of_configmap  # noqa: E402
from prometheus_run import Prometheus, promtool  # noqa: E402
from report import Asked, Fired, page  # noqa: E402
from shop_traffic import Shop  # noqa: E402
from tailgate_run import Instance, Sink  # noqa: E402
from written import check_example, check_metrics, check_pages, check_rules, check_waiting  # noqa: E402

from benchmarks.peers.prometheus import VERSION  # noqa: E402

INTERVAL = "10s"
"""What stands for `$__rate_interval`."""
HASTE = 300
PICTURE = 60
"""Seconds that the pictures show."""
PATIENCE = 240
"""Seconds after which an alert that has not fired never will."""
PEOPLES = HERE / "people" / "alerts-configmap.yaml"
BOARDS = {
    "tailgate": ROOT / "helm" / "tailgate" / "files" / "dashboards" / "tailgate.json",
    "as-people-have-it": ROOT / "tests" / "connectors" / "dashboard.json",
}
WELL = {"TailgateBadRequests"}
"""What fires while all is well: among the traffic is a request now and then that is none."""
OVERLAY = """\
processors:
  memory_limiter: {limit_mib: 400, spike_limit_mib: 100}
  cost: {prices: {small-model: {input: 0.5, output: 1.5}}}
  tail_sampling: {rules: sampling.yaml}
connectors: {span_metrics: {exemplars: {enabled: true}}, service_graph: {}}
exporters:
  otlp: {endpoint: '${env:UPSTREAM}', tls: {insecure: true}}
  prometheus: {endpoint: "127.0.0.1:8889"}
service:
  pipelines:
    traces:
      processors: [memory_limiter, enrich, cost, scrub, tail_sampling, retention, batch]
      exporters: [otlp, span_metrics, service_graph]
    metrics: {receivers: [span_metrics, service_graph], exporters: [prometheus]}
"""
SAMPLING = """\
decision_wait: 5s
policies:
  - {name: costly-agents, mode: shadow, when: sum(cost.total) > 0.02}
  - {name: errors, when: error, limit: {spans_per_second: 150, per: service.name}, retention: 30d, essential: true}
  - {name: slow, when: duration > 2s, retention: 7d}
  - {name: agents, when: exists(gen_ai.operation.name), rate: 50%}
default: 10%
total: {traces_per_second: 1000}
budget: {per_hour: 100, cost_per_span: 0.000001}
"""
SHIPPED = [ROOT / "config" / "tailgate.yaml", ROOT / "config" / "upstream.yaml"]


def check_shipped(run: Run, upstream: int) -> str:
    """Have promtool read the metrics of the shipped configuration under load."""
    with run.instance("shipped", [*SHIPPED], {}, upstream) as instance:
        shop = Shop(late_after=11)
        for _ in range(140):
            instance.post(shop.request(20))
            time.sleep(0.1)
        instance.post(b"\x0a\xff")
        return f"{check_metrics(run, 'the shipped configuration', instance.page())} series, exit status 0"


def load(stop: threading.Event) -> Any:
    """Return how the healthy instance is used: 5,000 spans a second, some of them late, and now and then nonsense."""

    def act(instance: Instance, _stop: threading.Event) -> None:
        shop, number = Shop(late_after=8), 0
        while not stop.wait(0.1):
            busy = 150 + round(90 * math.sin(number / 60))
            instance.post(shop.request(busy))
            number += 1
            if number % 50 == 0:
                instance.post(b"\x0a\xff")

    return act


def look(run: Run, server: Prometheus, name: str, file: Path) -> str:
    """Ask every query of a dashboard, note what comes back, and return its picture."""
    end = time.time() - 1
    drawn = []
    for panel in panels(file, INTERVAL):
        lines: list[Line] = []
        for query in panel.queries:
            found = server.query_range(query.expr, end - PICTURE, end, 1)
            lines += [Line(legend(query.legend, one["metric"]), points(one["values"])) for one in found]
            note(run, server, name, panel, query.expr)
        drawn.append(Drawn(panel, tuple(lines)))
    return picture(drawn, (end - PICTURE, end))


def note(run: Run, server: Prometheus, board: str, panel: Panel, expr: str) -> None:
    """Note what a query returns now."""
    found = server.query(expr)
    values = [float(one["value"][1]) for one in found]
    finite = [value for value in values if math.isfinite(value)]
    run.seen.asked.append(Asked(board, panel.title, len(found), shown(max(finite), panel.unit) if finite else ""))
    if not finite:
        run.miss(f"{board}, {panel.title}: no data: {expr}")


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """Return a legend with its labels filled in; without a pattern what the series is about."""
    if not pattern:
        return ", ".join(value for name, value in labels.items() if name not in ("instance", "job", "__name__"))
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value)
    return pattern


def points(values: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    """Return a range's values as numbers."""
    return tuple((float(when), float(value)) for when, value in values)


def check_dashboards(run: Run, upstream: int) -> dict[str, str]:
    """Use an instance for a while, then ask everything that dashboards and alerts ask; return the pictures."""
    stop = threading.Event()
    condition = Condition("shop", (), "", "", load(stop))
    configs: list[Path | str] = [SHIPPED[0], OVERLAY]
    with (
        run.prometheus("well", {"ours": hastened(run.rules, HASTE)}) as server,
        run.instance("shop", configs, {"sampling.yaml": SAMPLING}, upstream) as instance,
    ):
        server.watch("shop", instance.metrics)
        with doing(run, condition, instance):
            time.sleep(PICTURE + 25)
            drawn = {name: look(run, server, name, file) for name, file in BOARDS.items()}
            check_metrics(run, "everything in use", instance.page())
            firing = {one.name: one for one in server.firing("ours")}
            check_pages(run, server)
            run.seen.exemplars = server.exemplars("traces_spanmetrics_latency_bucket")
            if not run.seen.exemplars:
                run.miss("no exemplars")
            stop.set()
        for name in set(firing) ^ WELL:
            run.miss(f"{name} {'fires, though all is well' if name in firing else 'does not fire'}: {firing.get(name)}")
        for error in server.rule_errors():
            run.miss(error)
        run.say(f"while all was well: {sorted(firing)} fired")
        run.seen.well = sorted(firing)
    return drawn


def expected(conditions: tuple[Condition, ...]) -> dict[tuple[str, str], str]:
    """Return how each alert is made true, by its name and the instance that it is of."""
    found = {(alert, condition.name): condition.how for condition in conditions for alert in condition.alerts}
    return found | {(alert, ""): how for alert, how in TOGETHER.items()}


def await_alerts(run: Run, server: Prometheus, missing: dict[tuple[str, str], str], began: Mapping[str, float]) -> None:
    """Wait until all have fired, and note when that was, as Prometheus has it."""
    shortened = alerts(hastened(run.rules, HASTE))
    first = time.time()
    while missing and time.time() - first < PATIENCE:
        time.sleep(1)
        for one in server.firing("ours"):
            own = [key for key in missing if key[0] == one.name and (not one.instance or key[1] == one.instance)]
            if not own:
                continue
            how = missing.pop(own[0])
            since = server.fired_at(one.name, one.instance, min(began.values()))
            seconds = since - (began[own[0][1]] if own[0][1] else sorted(began.values())[:2][-1])
            run.say(f"{one.name} of {own[0][1] or 'all'} fired after {seconds:.0f} s: {one.said}")
            run.seen.fired.append(Fired(one.name, how, seconds, shortened[one.name]["for"], one.said))
    for alert, instance in missing:
        run.miss(f"{alert} of {instance or 'all'} has not fired")


def check_alerts(run: Run, ports: Mapping[str, int]) -> None:
    """Make every condition true, and wait for every alert; those that people have written fire as well."""
    rules = {"ours": hastened(run.rules, HASTE), "peoples": hastened(rules_of_configmap(PEOPLES), HASTE)}
    began: dict[str, float] = {}
    with run.prometheus("alerts", rules) as server, contextlib.ExitStack() as stack:
        for condition in CONDITIONS:
            upstream = ports[condition.upstream]
            started = time.time()
            instance = stack.enter_context(run.instance(condition.name, [condition.config], condition.files, upstream))
            server.watch(condition.name, instance.metrics)
            while not server.up().get(condition.name):
                time.sleep(0.2)
            time.sleep(2)  # rates need a value from before
            began[condition.name] = started if condition.at_once else time.time()
            stack.enter_context(doing(run, condition, instance))
        await_alerts(run, server, expected(CONDITIONS), began)
        firing = {one.name for one in server.firing("peoples")}
        run.say(f"as people have written them: {sorted(firing)}")
        run.seen.peoples = sorted(firing)
        if firing != {"HighTraceDropRate", "TracingCollectorDown"}:
            run.miss(f"of the alerts that people have written, {sorted(firing)} fire")
        for error in server.rule_errors():
            run.miss(error)


def check_scrubbing(run: Run, upstream: int) -> None:
    """The same for the alert that looks back a day."""
    folder = run.folder / "scrubbing"
    folder.mkdir()
    (folder / "past.om").write_text(yesterday(time.time()), encoding="utf-8")
    status, said = promtool(
        run.binaries, "tsdb", "create-blocks-from", "openmetrics", folder / "past.om", folder / "data"
    )
    if status:
        run.miss(f"no blocks of the past: {said}")
    rules = {"ours": hastened(run.rules, HASTE)}
    with (
        run.prometheus("scrubbing", rules) as server,
        run.instance(SCRUBBED.name, [SCRUBBED.config], {}, upstream) as instance,
    ):
        server.watch(SCRUBBED.name, instance.metrics)
        time.sleep(3)
        began = {SCRUBBED.name: time.time()}
        with doing(run, SCRUBBED, instance):
            await_alerts(run, server, {(SCRUBBED.alerts[0], ""): SCRUBBED.how}, began)


def write(run: Run, pictures: Mapping[str, str]) -> None:
    """Write the page and its pictures."""
    for name, svg in pictures.items():
        file = ROOT / "docs" / "charts" / f"dashboard-{name}.svg"
        file.write_text(svg, encoding="utf-8")
        run.seen.pictures[f"charts/{file.name}"] = f"the dashboard {name}"
    (ROOT / "docs" / "prometheus.md").write_text(page(run.seen), encoding="utf-8")


def main() -> int:
    """Run everything; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tools", type=Path, help="the folder with prometheus and promtool")
    parser.add_argument("--write", action="store_true", help="write docs/prometheus.md and its pictures")
    parser.add_argument("--keep", type=Path, help="keep the pictures here")
    arguments = parser.parse_args()
    sinks = {"takes": Sink(), "refuses": Sink(refuse=True)}
    ports = {name: sink.port for name, sink in sinks.items()} | {"away": 1}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments.tools.resolve(), Path(folder), VERSION)
        check_rules(run)
        check_example(run)
        check_waiting(run)
        run.seen.metrics = check_shipped(run, ports["takes"])
        pictures = check_dashboards(run, ports["takes"])
        for name, svg in pictures.items() if arguments.keep else ():
            (arguments.keep / f"dashboard-{name}.svg").write_text(svg, encoding="utf-8")
        check_alerts(run, ports)
        check_scrubbing(run, ports["takes"])
    for sink in sinks.values():
        sink.stop()
    if arguments.write and not run.wrong:
        write(run, pictures)
    print(f"{len(run.seen.asked)} queries, {len(run.seen.fired)} alerts fired, {len(run.wrong)} wrong")
    return 1 if run.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""How the condition of each alert is made true: which Tailgate, and what is done to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from shop_traffic import Shop
from tailgate_run import Instance

RECEIVED = "receivers: {otlp: {protocols: {http: {}}}}\n"
PIPELINE = "service: {pipelines: {traces: {receivers: [otlp], processors: [%s], exporters: [%s]}}}\n"
UPSTREAM = "exporters: {otlp: {endpoint: '${env:UPSTREAM}', tls: {insecure: true}}}\n"
DEBUG = "exporters: {debug: {}}\n"
RULES = "policies: [{name: all, when: duration >= 0ms}]\ndefault: 0%\n"

Act = Callable[[Instance, threading.Event], None]
"""Makes the condition true and keeps it so until the event is set."""


def sampling(rules: str, exporter: str = "debug") -> str:
    """Return a configuration that samples by these rules and does nothing else."""
    exporters = DEBUG if exporter == "debug" else UPSTREAM
    head = "processors:\n  tail_sampling:\n    evaluation: ordered\n"
    return (
        RECEIVED
        + head
        + "".join(f"    {line}\n" for line in rules.splitlines())
        + exporters
        + PIPELINE
        % (
            "tail_sampling",
            exporter,
        )
    )


def send(traces: int, every: float, rooted: bool = True, **shop: bool) -> Act:
    """Return how to send so many traces every so many seconds; refusals are what some conditions want."""

    def act(instance: Instance, stop: threading.Event) -> None:
        made = Shop(**shop)
        while not stop.wait(every):
            instance.post(made.request(traces, rooted))

    return act


def send_nonsense(instance: Instance, stop: threading.Event) -> None:
    """Send what is no protobuf message."""
    while not stop.wait(0.3):
        instance.post(b"\x0a\xff")


def fill_budget(instance: Instance, stop: threading.Event) -> None:
    """Send until the byte budget is between the alert's 80 % and the 90 % at which traces are judged early."""
    shop = Shop()
    while not stop.wait(0.1):
        used = {"used": 0.0, "all": 1.0}
        for family in text_string_to_metric_families(instance.page().decode()):
            for sample in family.samples:
                if sample.name == "tailgate_memory_budget_used_bytes":
                    used["used"] += sample.value
                elif sample.name == "tailgate_memory_budget_bytes":
                    used["all"] = sample.value
        if used["used"] < 0.83 * used["all"]:
            instance.post(shop.request(10))


def end(instance: Instance, _stop: threading.Event) -> None:
    """Kill it, as the kernel does when memory runs out."""
    instance.kill()


def restart(instance: Instance, _stop: threading.Event) -> None:
    """Start it again three times, each time seen by a scrape."""
    for _ in range(3):
        instance.stop()
        instance.start()
        time.sleep(2.5)


def spoil_rules(instance: Instance, _stop: threading.Event) -> None:
    """Write a rule file with an error."""
    file = instance.folder / "sampling.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("default: 0%", "default: 900%"), encoding="utf-8")


def burst(instance: Instance, _stop: threading.Event) -> None:
    """Send some traces, and then nothing."""
    shop = Shop()
    for _ in range(5):
        instance.post(shop.request(20))


@dataclass(frozen=True)
class Condition:
    """An instance, what is done to it, and the alerts that must fire of it."""

    name: str
    """Of the instance, in the label `instance`."""
    alerts: tuple[str, ...]
    how: str
    """In words, for the record."""
    config: str
    act: Act
    at_once: bool = False
    """True from the start of the process on."""
    upstream: str = "takes"
    """`takes`, `refuses` (for good) or `away`."""
    files: dict[str, str] = field(default_factory=dict)


AWAY = (
    RECEIVED
    + (
        "exporters: {otlp: {endpoint: '${env:UPSTREAM}', tls: {insecure: true},"
        " sending_queue: {queue_bytes: 262144}, retry_on_failure: {max_elapsed_time: 0}}}\n"
    )
    + PIPELINE % ("", "otlp")
)
CROWDED = """\
num_traces: 20
policies:
  - {name: broken, custom: {module: "policies:Raises"}, otherwise: pass}
  - {name: all, when: duration >= 0ms}
default: 0%
total: {traces_per_second: 1}
"""
SOFT = (
    RECEIVED
    + ("processors: {memory_limiter: {limit_mib: 4096, spike_limit_mib: 4090, budget_mib: 64}}\n")
    + DEBUG
    + PIPELINE % ("memory_limiter", "debug")
)
BUDGET = (
    RECEIVED
    + """\
processors:
  memory_limiter: {limit_mib: 4096, budget_mib: 1}
  tail_sampling: {evaluation: ordered, decision_wait: 10m, policies: [], default: 100%}
"""
    + DEBUG
    + PIPELINE % ("memory_limiter, tail_sampling", "debug")
)
RELOAD = (
    RECEIVED + "processors: {tail_sampling: {rules: sampling.yaml}}\n" + DEBUG + PIPELINE % ("tail_sampling", "debug")
)
SERVICES = (
    RECEIVED
    + """\
processors: {tail_sampling: {evaluation: ordered, policies: [], default: 10%}}
connectors: {span_metrics: {}}
exporters: {debug: {}, prometheus: {endpoint: "127.0.0.1:8889"}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug, span_metrics]}
    metrics: {receivers: [span_metrics], exporters: [prometheus]}
"""
)
PASS = RECEIVED + DEBUG + PIPELINE % ("", "debug")

CONDITIONS = (
    Condition(
        "late",
        ("TailgateDecisionsLate",),
        "`decision_wait: 61s`, and a burst of traces",
        sampling("decision_wait: 61s\n" + RULES),
        burst,
    ),
    Condition("ended", ("TracingCollectorDown",), "the process is killed", PASS, end),
    Condition("restarted", ("TailgateRestarting",), "the process is stopped and started three times", PASS, restart),
    Condition(
        "spoiled",
        ("TailgateReloadFailing",),
        "`default: 900%` is written into the rule file of a running process",
        RELOAD,
        spoil_rules,
        files={"sampling.yaml": RULES},
    ),
    Condition(
        "rejected",
        ("HighTraceDropRate", "TailgateSpansLost"),
        "the upstream answers INVALID_ARGUMENT to everything",
        RECEIVED + UPSTREAM + PIPELINE % ("", "otlp"),
        send(10, 0.3),
        upstream="refuses",
    ),
    Condition(
        "away",
        ("TailgateQueueFilling", "TailgateRefusing"),
        "nobody listens at the upstream's address, and its queue takes 256 KiB",
        AWAY,
        send(10, 0.1),
        upstream="away",
    ),
    Condition("nonsense", ("TailgateBadRequests",), "requests that are no protobuf messages", PASS, send_nonsense),
    Condition(
        "soft",
        ("TailgateMemoryHigh",),
        "a soft limit of 6 MiB, which the process exceeds",
        SOFT,
        send(1, 1),
        at_once=True,
    ),
    Condition(
        "budget",
        ("TailgateHeldMemoryHigh",),
        "traces are held for ten minutes until 83 % of a budget of 1 MiB are used",
        BUDGET,
        fill_budget,
    ),
    Condition(
        "crowded",
        ("TailgateJudgedEarly", "TailgateOverTotal", "TailgatePolicyFailing", "TailgateRootsMissing"),
        "30 rootless traces at a time where `num_traces` is 20, one a second may be kept, and a policy raises",
        sampling(CROWDED),
        send(30, 0.3, rooted=False),
    ),
    Condition(
        "slow",
        ("TailgateDecisionsSlow",),
        "a policy in Python sleeps for 1.3 s",
        sampling('decision_wait: 1s\npolicies: [{name: slow, custom: {module: "policies:Slow"}}]\ndefault: 0%\n'),
        send(2, 0.5),
    ),
    Condition(
        "services",
        ("SlowServiceOperation", "HighErrorRate"),
        "half of the traces take 6 to 9 s and half of the payments fail, one trace in ten is kept",
        SERVICES,
        send(20, 0.3, trouble=True),
    ),
    Condition(
        "too-large",
        ("TailgateScrubFailing",),
        "`limits: {value_bytes: 12}`, and values that are longer",
        RECEIVED + "processors: {scrub: {limits: {value_bytes: 12}}}\n" + DEBUG + PIPELINE % ("scrub", "debug"),
        send(10, 0.3),
    ),
    Condition(
        "nothing",
        ("TailgateNothingKept",),
        "`default: 0%` and no policies",
        sampling("decision_wait: 1s\npolicies: []\ndefault: 0%\n"),
        send(60, 0.3),
    ),
)
TOGETHER = {"TailgateRulesDiffer": "the instances above have different configurations"}
"""Alerts about all instances."""

SCRUBBED = Condition(
    "scrubbed",
    ("TailgateScrubbingStopped",),
    "blocks of the day before have values that were scrubbed; what is sent now has no secrets in it",
    RECEIVED + "processors: {scrub: }\n" + DEBUG + PIPELINE % ("scrub", "debug"),
    send(200, 0.2, secrets=False),
)
"""Its expression adds all instances up: it has a Prometheus of its own."""


def yesterday(now: float) -> str:
    """Return a day-old hour and more of `tailgate_scrubbed_total`, in the OpenMetrics format."""
    labels = '{instance="scrubbed",job="opentelemetry-collector",pipeline="traces",processor="scrub",rule="email"}'
    lines = ["# TYPE tailgate_scrubbed counter"]
    begin, end = int(now) - 86_400 - 4000, int(now) - 86_400 + 1800
    lines += [f"tailgate_scrubbed_total{labels} {at - begin} {at}" for at in range(begin, end, 15)]
    return "\n".join([*lines, "# EOF", ""])

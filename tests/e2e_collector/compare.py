"""`make e2e-collector`: the same configuration and the same traffic through a real collector and through Tailgate.

Three steps: each scenario's outputs must be equal span by span, apart from the differences that are written down; each
mutation of one option, made on Tailgate's side alone, must be noticed; and every conformance case is taken through the
collector as well, which must do what the case says of it. Ends with 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parents[1])]

from conformance import Case, cases  # noqa: E402
from otlp_words import Words, nanoseconds, request  # noqa: E402
from peer_collector import SECOND, CollectorRun, capture, differences, launch, post, whole  # noqa: E402
from peer_compare import DIFFERENCES, Comparison, compare, of_traffic  # noqa: E402
from peer_ottl import OTTL_DIFFERENCES, answer, asked, table  # noqa: E402
from peer_traffic import BASE, LATE, Traffic, features  # noqa: E402

REST = 6
"""Seconds after the last request until everything has left."""


def scenarios() -> dict[str, Words]:
    """Return the rows of processors that are compared, by name."""
    files = sorted((HERE / "scenarios").glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def mutations() -> list[Words]:
    """Return the changes of one option that must be noticed."""
    found: list[Words] = yaml.safe_load((HERE / "mutations.yaml").read_text(encoding="utf-8"))
    return found


def mutated(row: Words, path: str, value: Any) -> Words:
    """Return the row with the option at a dotted path changed (component ids may have no dots)."""
    changed = copy.deepcopy(row)
    *way, last = path.split(".")
    place: Any = changed
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    key: Any = int(last) if isinstance(place, list) else last
    assert (place[key] if isinstance(place, list) else place.get(key)) != value, f"{path} is {value!r} already"
    place[key] = value
    return changed


WAITING: dict[str, str] = {}
"""Scenarios with options that Tailgate refuses so far, and whose they are. One that is taken must be taken off."""


def play(ports: Mapping[str, int], steps: list[Words]) -> None:
    """Send the traffic to every port at its time, and wait until all has left."""
    began = time.time_ns()
    for step in steps:
        time.sleep(max(0.0, (began + nanoseconds(step["at"]) - time.time_ns()) / SECOND))
        body = request(step, BASE)
        for port in ports.values():
            post(port, body, step["metadata"])
    time.sleep(max(0.0, (began + nanoseconds(LATE) - time.time_ns()) / SECOND) + REST)


def outputs(
    command: list[str | Path], rows: dict[str, Words], steps: list[Words], folder: Path
) -> dict[str, list[bytes]]:
    """Run a proxy on a configuration with these rows, send the traffic to each, and return what each let out."""
    folder.mkdir()
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(whole(rows), sort_keys=False, allow_unicode=True), encoding="utf-8")
    with capture() as upstream:
        process, ports = launch([*command, f"--config={file}"], list(rows), upstream.port, folder / "log.txt")
        try:
            play(ports, steps)
        finally:
            process.stop()
        return {name: [body for _, body in upstream.requests.get(f"/{name}", [])] for name in rows}


def report(name: str, found: Comparison, sent: int) -> bool:
    """Print what was compared; True when it was equal."""
    notes = [f"{count} differ as written ({difference})" for difference, count in sorted(found.explained.items())]
    verdict = "equal" if not found.wrong else f"{len(found.wrong)} DIFFER"
    print(f"  {name:14} {found.spans:5} of {sent} spans came out of both: {', '.join([verdict, *notes])}")
    for line in found.wrong[:5]:
        print(f"      {line[:600]}")
    return not found.wrong


def main() -> int:
    """Compare everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collector", type=Path, help="the collector's binary")
    parser.add_argument("--no-cases", action="store_true", help="leave the conformance cases out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fine = _scenarios(args.collector, Path(folder))
        if not args.no_cases:
            fine &= _cases(args.collector, Path(folder))
            fine &= _ottl(args.collector, Path(folder))
    print("equal, apart from what is written down" if fine else "NOT EQUAL")
    return 0 if fine else 1


def _scenarios(binary: Path, folder: Path) -> bool:
    steps = Traffic().steps
    counts = features(steps)
    print("traffic: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    rows = {name: row for name, row in scenarios().items() if name not in WAITING}
    for name, whose in WAITING.items():
        print(f"  {name:14} not compared: Tailgate refuses options of {whose}")
    theirs = outputs([binary], rows, steps, folder / "collector")
    command: list[str | Path] = [sys.executable, "-m", "tailgate"]
    ours = outputs(command, rows, steps, folder / "tailgate")
    facts = {name: of_traffic(steps, row) for name, row in rows.items()}
    print(f"{len(rows)} scenarios, one file for both:")
    results = [report(name, compare(theirs[name], ours[name], facts[name]), counts["spans"]) for name in rows]
    changes = {f"mutation_{at}": change for at, change in enumerate(mutations()) if change["scenario"] in rows}
    print(f"{len(changes)} mutations of one option, on Tailgate's side:")
    changed = {name: mutated(rows[c["scenario"]], c["path"], c["value"]) for name, c in changes.items()}
    mutants = outputs(command, changed, steps, folder / "mutants")
    for name, change in changes.items():
        found = compare(theirs[change["scenario"]], mutants[name], facts[change["scenario"]])
        noticed = f"noticed, {len(found.wrong)} spans" if found.wrong else "NOT NOTICED"
        print(f"  {change['scenario']}: {change['path']} = {change['value']!r}: {noticed}")
        results.append(bool(found.wrong))
    for name, sentence in DIFFERENCES.items():
        print(f"written difference {name}: {sentence}")
    return all(results) and len(changes) >= 20


def _cases(binary: Path, folder: Path) -> bool:
    listed = cases()
    folder = folder / "cases"
    folder.mkdir()
    asked = [case for case in listed if not case.panics]
    wrong = _unlike(binary, folder, asked)
    if wrong:  # these run in real time, two hundred at once: what a busy machine delayed is asked again
        print(f"{len(wrong)} conformance cases are asked a second time")
        wrong = _unlike(binary, folder, [case for case in asked if case.id in wrong])
    print(f"{len(asked)} conformance cases through the collector: {len(wrong)} not as they say of it")
    for name, found in wrong.items():
        print(f"  {name}: {'; '.join(found)[:600]}")
    return not wrong


def _unlike(binary: Path, folder: Path, asked: list[Case]) -> dict[str, list[str]]:
    results = CollectorRun(binary, folder).run(asked)
    return {case.id: found for case in asked if (found := differences(case, results[case.id]))}


def _ottl(binary: Path, folder: Path) -> bool:
    """Ask the collector about every row of the table of conditions in docs/ottl.md."""
    rows = table()
    listed = [asked(number, condition) for number, (condition, _) in enumerate(rows)]
    (folder / "ottl").mkdir()
    results = CollectorRun(binary, folder / "ottl").run(listed) if listed else {}
    said = [answer(results[case.id]) for case in listed]
    unlike = {text: (ours, theirs) for (text, ours), theirs in zip(rows, said, strict=True) if ours != theirs}
    print(f"{len(rows)} conditions of docs/ottl.md: the collector answers {len(rows) - len(unlike)} alike")
    for text, (ours, theirs) in unlike.items():
        print(f"  {text}: {ours} here, {theirs} there{' (as written)' if text in OTTL_DIFFERENCES else ''}")
    return set(unlike) <= OTTL_DIFFERENCES


if __name__ == "__main__":
    raise SystemExit(main())

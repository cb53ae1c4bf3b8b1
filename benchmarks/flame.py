"""`make flamegraph`: where the full job spends its time, Rust and Python frames in one picture.

py-spy samples the stacks of a running Tailgate, native frames among them; they are folded and drawn here, as plain SVG
that needs no script to be read. A frame's width is its share of all samples in which a thread did not wait.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from .cells import OWN, SAME, same
from .charts import FONT
from .client import send_grpc
from .contest import say
from .special import started
from .traffic import Shape, build_load

WIDTH, ROW, LEAST = 1600, 17, 0.0015
"""Pixels; frames below the least share of all samples are not drawn."""
KINDS = {"rust": "#e8a87c", "python": "#85b8cb", "grpc": "#c8d5b9", "native": "#d9d9d9"}


@dataclass
class Frame:
    """A frame and what it called; `samples` are those in which it was on the stack."""

    name: str
    samples: int = 0
    below: dict[str, Frame] = field(default_factory=dict)

    def depth(self) -> int:
        """How deep the stacks below are."""
        return 1 + max((frame.depth() for frame in self.below.values()), default=0)


IDLE = ("epoll_wait", "epoll_pwait", "pthread_cond_", "__poll", "futex")
"""Where a thread waits: it is on no CPU then, whatever the sampler thinks of it."""
_HASH = re.compile(r"::h[0-9a-f]{16}(?= |$)")
_ADDRESS = re.compile(r"^0x[0-9a-f]+ ")
_LIBRARY = re.compile(r"\.cpython-[^)]*\.so|\.so(\.\d+)*")
_FOLDER = re.compile(r"\((?:[^()]*/)?(?=[^/()]+\))")


def readable(name: str) -> str:
    """Return a frame's name without addresses, folders, endings, and the hashes that the Rust compiler adds."""
    return _LIBRARY.sub("", _FOLDER.sub("(", _ADDRESS.sub("… ", _HASH.sub("", name))))


def fold(lines: Iterable[str]) -> Frame:
    """Make a tree of folded stacks: `a;b;c 12`, outermost frame first. Waiting is left out."""
    top = Frame("all")
    for line in lines:
        stack, _, count = line.rpartition(" ")
        names = [name for name, _ in itertools.groupby(map(readable, stack.split(";")))]  # nameless ones in a row: one
        if not stack or not count.isdigit() or names[-1].startswith(IDLE):
            continue
        top.samples += int(count)
        frame = top
        for name in names:
            frame = frame.below.setdefault(name, Frame(name))
            frame.samples += int(count)
    return top


def kind(name: str) -> str:
    """Tell whose code a frame is: Python's, the Rust kernel's, gRPC's, or other native code's."""
    if "(_native)" in name:
        return "rust"
    return "python" if ".py:" in name or "<frozen" in name else "grpc" if "(cygrpc)" in name else "native"


def share(top: Frame) -> dict[str, float]:
    """Return which part of the samples ended in whose code."""
    ends: dict[str, int] = dict.fromkeys(KINDS, 0)

    def walk(frame: Frame) -> None:
        own = frame.samples - sum(child.samples for child in frame.below.values())
        if frame is not top:
            ends[kind(frame.name)] += own
        for child in frame.below.values():
            walk(child)

    walk(top)
    return {name: count / max(top.samples, 1) for name, count in ends.items()}


def _shade(name: str) -> str:
    """Return the colour of a frame: its kind's, a little lighter or darker by its name, so that neighbours differ."""
    base, step = KINDS[kind(name)], hashlib.sha256(name.encode()).digest()[0] % 24 - 12
    return "#" + "".join(f"{min(max(int(base[i : i + 2], 16) + step, 0), 255):02x}" for i in (1, 3, 5))


def draw(top: Frame, title: str) -> str:
    """Return the flame graph as SVG, outermost frames at the bottom."""
    height = (top.depth() + 1) * ROW + 70
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}'>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        f"<text x='12' y='24' {FONT} font-size='16' font-weight='600'>{escape(title)}</text>",
    ]
    shares = ", ".join(f"{name} {part:.0%}" for name, part in share(top).items())
    parts.append(f"<text x='12' y='44' {FONT} font-size='12'>{top.samples:,} samples; on top: {shares}</text>")
    x = 420.0
    for name, colour in KINDS.items():
        parts.append(f"<rect x='{x + 280}' y='33' width='12' height='12' fill='{colour}'/>")
        parts.append(f"<text x='{x + 297}' y='44' {FONT} font-size='12'>{name}</text>")
        x += 80

    def place(frame: Frame, left: float, level: int) -> None:
        width = frame.samples / top.samples * WIDTH
        if frame.samples / top.samples < LEAST:
            return
        y = height - (level + 1) * ROW - 6
        tip = f"{frame.name}: {frame.samples / top.samples:.1%}"
        parts.append(f"<g><title>{escape(tip)}</title>")
        parts.append(f"<rect x='{left:.1f}' y='{y}' width='{max(width - 0.5, 0.5):.1f}' height='{ROW - 1}' ")
        parts.append(f"fill='{_shade(frame.name) if frame is not top else '#eeeeee'}' rx='1'/>")
        if (fits := int(width / 6.2)) > 3:
            label = frame.name if len(frame.name) <= fits else frame.name[: fits - 1] + "…"
            parts.append(f"<text x='{left + 3:.1f}' y='{y + 12}' {FONT} font-size='11'>{escape(label)}</text>")
        parts.append("</g>")
        for child in sorted(frame.below.values(), key=lambda child: child.name):
            place(child, left, level + 1)
            left += child.samples / top.samples * WIDTH

    if top.samples:
        place(top, 0.0, 0)
    return "\n".join([*parts, "</svg>\n"])


def tops(top: Frame, count: int = 25) -> list[tuple[str, float]]:
    """Return the functions in which most samples ended, and their shares."""
    ends: dict[str, int] = {}

    def walk(frame: Frame) -> None:
        own = frame.samples - sum(child.samples for child in frame.below.values())
        ends[frame.name] = ends.get(frame.name, 0) + own
        for child in frame.below.values():
            walk(child)

    walk(top)
    order = sorted(ends.items(), key=lambda item: -item[1])[:count]
    return [(name, samples / max(top.samples, 1)) for name, samples in order]


def record(job: str, seconds: float, batch: int, rate: int) -> list[str]:
    """Run Tailgate under load and return folded stacks."""
    proxy = OWN if job == "own" else SAME if job == "full" else same("tailgate", job)
    load = build_load(200, Shape(spans_per_request=batch), seed=4)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, started(proxy) as (process, _):
        stacks, over = Path(folder) / "stacks", threading.Event()

        def keep_sending() -> None:
            while not over.is_set():
                send_grpc(process.ports.grpc, load.requests)

        sender = threading.Thread(target=keep_sending)
        sender.start()
        try:
            time.sleep(1)
            tool = [
                str(Path(sys.executable).parent / "py-spy"),
                "record",
                "--native",
                "--format",
                "raw",
                "--rate",
                str(rate),
            ]
            command = [*tool, "--duration", f"{seconds:.0f}", "--output", str(stacks), "--pid", str(process.pid)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if not stacks.exists():
                raise RuntimeError(f"py-spy failed: {done.stderr or done.stdout}")
        finally:
            over.set()
            sender.join()
        return stacks.read_text().splitlines()


def main() -> int:
    """Record and write the picture, or draw one from folded stacks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("--job", default="own", help="a file of benchmarks/jobs/")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=int, default=250, help="samples a second")
    parser.add_argument("--stacks", type=Path, help="draw these folded stacks instead of recording")
    parser.add_argument("--keep", type=Path, help="also write the folded stacks")
    parser.add_argument("--out", type=Path, default=Path("docs/charts/flame-full-job.svg"))
    parser.add_argument("--title", default="Tailgate, the full job, batches of 512 over gRPC")
    args = parser.parse_args()
    lines = (
        args.stacks.read_text().splitlines() if args.stacks else record(args.job, args.seconds, args.batch, args.rate)
    )
    if args.keep:
        args.keep.write_text("\n".join(lines) + "\n")
    top = fold(lines)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(draw(top, args.title))
    for name, part in tops(top):
        print(f"{part:7.1%}  {name}")
    say(f"{args.out}: {top.samples} samples")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Builds the container image and starts it: every step of the Dockerfile runs for real, on base images made here.

Needs root, buildah, mmdebstrap and a Rust toolchain. The bases are a minimal Debian with its Python, and the
toolchain of this machine; nothing is pulled. What was built is then started as the chart does it: as the image's own
user, without capabilities, on a read-only root. Prints what it found; exits with 1 when something is not so.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NEEDED = ("buildah", "mmdebstrap", "unshare", "setpriv", "rustc")
PYTHON_BASE = """FROM scratch
ADD base.tar /
COPY host /
RUN ln -s python3 /usr/bin/python
"""
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
processors: {{scrub: }}
exporters: {{debug: {{verbosity: detailed}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{address: "127.0.0.1:{metrics}"}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [scrub], exporters: [debug]}}}}
"""
SPAN = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "for jane@example.com"}
REQUEST = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}


class Wrong(Exception):
    """The image is not what it should be."""


@dataclass(frozen=True)
class Image:
    """What was built: its file system as it is mounted, and what its configuration says."""

    root: Path
    config: dict[str, Any]

    @property
    def command(self) -> list[str]:
        """What is started in it."""
        return [*self.config["Entrypoint"], *self.config["Cmd"]]


class Buildah:
    """buildah with a store of its own, which ends with it."""

    def __init__(self, folder: Path) -> None:
        self.options = [
            "--root",
            str(folder / "store"),
            "--runroot",
            str(folder / "run"),
            "--storage-driver",
            "overlay",
        ]
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_OPTS": ""}

    def __call__(self, command: str, *arguments: str, show: bool = False) -> str:
        line = ["buildah", *self.options, command, *arguments]
        done = subprocess.run(line, env=self.environment, stdout=None if show else subprocess.PIPE, text=True)
        if done.returncode:
            raise Wrong(f"buildah {command} ended with {done.returncode}")
        return (done.stdout or "").strip()

    def base(self, name: str, dockerfile: str, context: Path) -> str:
        """Build a base image and return its name."""
        file = context.parent / f"{name}.dockerfile"
        file.write_text(dockerfile, encoding="utf-8")
        self("build", "--file", str(file), "--tag", f"localhost/{name}", str(context))
        return f"localhost/{name}"

    def mounted(self, image: str) -> Image:
        """Return the file system of an image, mounted, and its configuration."""
        container = self("from", "--pull-never", image)
        found = json.loads(self("inspect", "--type", "image", image))
        return Image(Path(self("mount", container)), found["OCIv1"]["config"])


def python_base(buildah: Buildah, folder: Path) -> str:
    """Make a minimal Debian with Python that trusts, and installs from, what this machine does."""
    context = folder / "python"
    host = context / "host" / "etc"
    (host / "ssl/certs").mkdir(parents=True)
    for name in ("ssl/certs/ca-certificates.crt", "pip.conf"):
        if (Path("/etc") / name).exists():
            shutil.copy(Path("/etc") / name, host / name)
    wanted = ["--variant=minbase", "--include=python3,python3-venv,ca-certificates"]
    sources = [*map(str, Path("/etc/apt/sources.list.d").glob("*.sources"))] or ["/etc/apt/sources.list"]
    subprocess.run(["mmdebstrap", "--quiet", *wanted, "bookworm", str(context / "base.tar"), *sources], check=True)
    return buildah.base("python", PYTHON_BASE, context)


def rust_base(buildah: Buildah, folder: Path) -> str:
    """Make an image of nothing but this machine's Rust toolchain, where the official one has it."""
    sysroot = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
    context = folder / "rust"
    for name in ("bin", "lib"):
        shutil.copytree(sysroot / name, context / "rustup" / name, symlinks=True)
    (context / "cargo/bin").mkdir(parents=True)
    for name in ("cargo", "rustc"):
        (context / "cargo/bin" / name).symlink_to(f"../../rustup/bin/{name}")
    return buildah.base("rust", "FROM scratch\nCOPY . /usr/local/\n", context)


def build(buildah: Buildah, folder: Path) -> Image:
    """Run the Dockerfile on what is committed."""
    bases = [f"PYTHON_IMAGE={python_base(buildah, folder)}", f"RUST_IMAGE={rust_base(buildah, folder)}"]
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    arguments = [part for base in bases for part in ("--build-arg", base)]
    buildah("build", "--format", "docker", *arguments, "--tag", "localhost/tailgate", str(source), show=True)
    return buildah.mounted("localhost/tailgate")


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(image: Image, configuration: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start it as its user without capabilities; its root is read-only, the configuration is mounted."""
    user, group = image.config["User"].split(":")
    root = str(image.root)
    script = f"""
set -e
mount --bind {root} {root}
mount --bind {configuration} {root}/mnt
mount -t proc proc {root}/proc
mount -o remount,bind,ro {root}
exec chroot {root} /usr/bin/setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \\
  --reuid={user} --regid={group} --clear-groups "$@"
"""
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"]
    environment = dict(entry.split("=", 1) for entry in image.config["Env"])
    return subprocess.Popen(
        [*command, *image.command, "--config", "/mnt/tailgate.yaml"],
        env=environment,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )


def inside(process: subprocess.Popen[bytes]) -> int:
    """Return the id of the process that was started inside."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.05)
    return int(found[0])


def get(url: str, data: bytes | None = None, patience: float = 20) -> str:
    """Return a page; waits until somebody listens."""
    deadline = time.monotonic() + patience
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError as error:
            if time.monotonic() > deadline:
                raise Wrong(f"{url}: {error}") from None
            time.sleep(0.1)


def status(pid: int) -> dict[str, str]:
    """Return what the kernel says about a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def read_only(pid: int) -> bool:
    """Say whether the root of a process is mounted read-only."""
    rows = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return all("ro" in row[5].split(",") for row in rows if row[4] == "/")


def run(image: Image, folder: Path) -> list[str]:
    """Start the image, use it, end it; return what was seen."""
    http, health, metrics = free_ports(3)
    configuration = folder / "configuration"
    configuration.mkdir()
    text = CONFIG.format(http=http, health=health, metrics=metrics)
    (configuration / "tailgate.yaml").write_text(text, encoding="utf-8")
    log = folder / "log"
    began = time.monotonic()
    process = start(image, configuration, log)
    try:
        seen = [f"healthy after {_healthy(health, process, log, began):.1f} s: {get(f'http://127.0.0.1:{health}/')}"]
        pid = inside(process)
        said = status(pid)
        if said["Uid"].split()[0] == "0" or int(said["CapEff"], 16) or not read_only(pid):
            raise Wrong(f"user {said['Uid']}, capabilities {said['CapEff']}, read-only root: {read_only(pid)}")
        seen.append(f"user {said['Uid'].split()[0]}, no capabilities, root read-only, {said['VmRSS']} resident")
        get(f"http://127.0.0.1:{http}/v1/traces", json.dumps(REQUEST).encode())
        accepted = [
            line for line in get(f"http://127.0.0.1:{metrics}/metrics").splitlines() if "pipeline_accepted" in line
        ]
        seen.append(f"took a span: {accepted[-1]}")
        os.kill(pid, signal.SIGTERM)
        if code := process.wait(30):
            raise Wrong(f"ended with {code} on SIGTERM")
        seen.append("ended with 0 on SIGTERM")
    finally:
        process.kill()
    printed = log.read_text(encoding="utf-8")
    if "for [EMAIL]" not in printed or "jane@" in printed:
        raise Wrong(f"the span did not come out scrubbed:\n{printed}")
    return [*seen, "the span came out scrubbed, by the Rust kernel"]


def _healthy(port: int, process: subprocess.Popen[bytes], log: Path, began: float) -> float:
    try:
        get(f"http://127.0.0.1:{port}/")
    except Wrong as error:
        raise Wrong(f"{error}; it printed:\n{log.read_text(encoding='utf-8')}; exit {process.poll()}") from None
    return time.monotonic() - began


def sizes(image: Image) -> str:
    """Return how large it is."""

    def mib(path: Path) -> float:
        return int(subprocess.check_output(["du", "-sxk", str(path)], text=True).split()[0]) / 1024

    own, whole = mib(image.root / "opt/tailgate"), mib(image.root)
    return f"{whole:.0f} MiB, of which {own:.0f} MiB are Tailgate and its packages"


def main() -> int:
    """Build, start, report."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing or os.geteuid():
        print(f"needs root and {', '.join(missing or NEEDED)} (apt-get install buildah mmdebstrap)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tailgate-image-") as name:
        folder = Path(name)
        buildah = Buildah(folder)
        try:
            image = build(buildah, folder)
            for line in (f"size: {sizes(image)}", *run(image, folder)):
                print(line)
        except (Wrong, subprocess.CalledProcessError) as error:
            print(f"wrong: {error}", file=sys.stderr)
            return 1
        finally:
            buildah("umount", "--all")
            buildah("rm", "--all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

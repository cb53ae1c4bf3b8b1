"""A real cluster without nodes: etcd, the API server and its controllers as processes on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import free_port, until

ADMIN = "admin-of-the-test"
"""The token of a user in system:masters."""
LONGEST = 1800
"""Seconds after which `timeout` ends a process, whatever becomes of the test."""
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "namespace-controller",
)
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
WRITES = ("create", "update", "patch", "delete")


def now() -> str:
    """The time as the audit log has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class NotFoundError(Exception):
    """There is no such object."""


@dataclass
class Api:
    """The API server as an administrator sees it: objects as JSON."""

    url: str
    authority: Path

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """One request; NotFoundError for 404, AssertionError for what else is refused."""
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        context = ssl.create_default_context(cafile=str(self.authority))
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if error.code == 404:
                raise NotFoundError(path) from None
            raise AssertionError(f"{method} {path}: {error.code} {said}") from None
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def get(self, path: str) -> Any:
        """Read an object or a list."""
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """Create an object, or ask a subresource for something."""
        return self.call("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """Merge into an object."""
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> Any:
        """Delete at once."""
        return self.call("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})


@dataclass
class Cluster:
    """The processes, where they listen, and what they write."""

    binaries: Path
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    starts: list[tuple[str, str]] = field(default_factory=list)
    """From when to when the API server started: it answers before it knows everybody's rights, and says so."""

    @property
    def authority(self) -> Path:
        """The certificate of who signs the API server's."""
        return self.folder / "pki" / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """An administrator's."""
        return self.folder / "kubeconfig"

    @property
    def api(self) -> Api:
        """The API server."""
        return Api(f"https://127.0.0.1:{self.ports['api']}", self.authority)

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self.ports = {name: free_port() for name in ("etcd", "peer", "api")}
        self._write_files()
        self.start_etcd()
        self.start_api()
        self._run("controllers", "kube-controller-manager", *self._controller_flags())

    def start_etcd(self) -> None:
        """Start etcd on its data."""
        client, peer = (f"http://127.0.0.1:{self.ports[name]}" for name in ("etcd", "peer"))
        flags = {"name": "default", "data-dir": self.folder / "etcd", "listen-client-urls": client,
                 "advertise-client-urls": client, "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
                 "initial-cluster": f"default={peer}", "log-level": "warn"}  # fmt: skip
        self._run("etcd", "etcd", *(f"--{name}={value}" for name, value in flags.items()), "--unsafe-no-fsync")

    def start_api(self) -> None:
        """Start the API server and wait until it is ready."""
        pki = self.folder / "pki"
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.ports['etcd']}", "bind-address": "127.0.0.1",
            "secure-port": self.ports["api"], "endpoint-reconciler-type": "none",
            "tls-cert-file": pki / "server.crt", "tls-private-key-file": pki / "server.key",
            "service-account-issuer": "https://kubernetes.default.svc", "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-key-file": pki / "accounts.key", "service-account-signing-key-file": pki / "accounts.key",
            "authorization-mode": "RBAC", "anonymous-auth": "false", "token-auth-file": self.folder / "tokens.csv",
            "audit-policy-file": self.folder / "audit.yaml", "audit-log-path": self.folder / "audit.log",
            "shutdown-send-retry-after": "false",
        }  # fmt: skip
        begun = now()
        self._run("api", "kube-apiserver", *(f"--{name}={value}" for name, value in flags.items()))
        until("the API server is ready", self._ready, 120)
        self.starts.append((begun, now()))

    def stop(self, name: str = "") -> None:
        """End one process, or all, the last one first."""
        for one in [name] if name else list(reversed(self.processes)):
            process = self.processes.pop(one)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # `timeout` has made it a group of its own
                process.wait()

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl; what it warns of is an error, as what it refuses."""
        return self.command(self.binaries / "kubectl", *arguments, given=given)

    def command(self, program: Path, *arguments: str, given: str | None = None) -> str:
        """Run a client of the cluster; warnings are errors."""
        command = [str(program), *arguments, "--kubeconfig", str(self.kubeconfig)]
        environment = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        assert "warning" not in done.stderr.lower(), f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def audited(self, user: str | None) -> list[dict[str, Any]]:
        """What the audit log says of a user's requests (None: an unknown user's) while the API server was ready."""
        lines = (self.folder / "audit.log").read_text(encoding="utf-8").splitlines()
        events: list[dict[str, Any]] = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # the last one may not be written to its end yet
                events.append(json.loads(line))
        return [event for event in events if event["user"].get("username") == user and self._was_ready(event)]

    def _was_ready(self, event: dict[str, Any]) -> bool:
        return not any(begun <= event["requestReceivedTimestamp"] <= ready for begun, ready in self.starts)

    def _ready(self) -> bool:
        process = self.processes["api"]
        assert process.poll() is None, (self.folder / "api.log").read_text(encoding="utf-8")[-4000:]
        with contextlib.suppress(urllib.error.URLError, OSError, AssertionError):
            return bool(self.api.get("/readyz") == "ok")
        return False

    def _run(self, name: str, binary: str, *flags: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = ["timeout", str(LONGEST), str(self.binaries / binary), *flags]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def _controller_flags(self) -> Iterator[str]:
        yield f"--kubeconfig={self.kubeconfig}"
        yield f"--controllers={','.join(CONTROLLERS)}"
        yield f"--root-ca-file={self.authority}"
        yield from ("--leader-elect=false", "--secure-port=0", "--concurrent-gc-syncs=2")

    def _write_files(self) -> None:
        (self.folder / "tokens.csv").write_text(f'{ADMIN},admin,admin,"system:masters"\n')
        (self.folder / "audit.yaml").write_text(json.dumps(AUDIT))
        make_keys(self.folder / "pki")
        cluster = {"server": self.api.url, "certificate-authority": str(self.authority)}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "it", "user": {"token": ADMIN}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }  # fmt: skip
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)


def make_keys(folder: Path) -> None:
    """Write an authority, the API server's certificate for loopback, and the key that signs accounts' tokens."""
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=critical,CA:FALSE\n")
    key = "ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    usage = "keyUsage=critical,keyCertSign,cRLSign"
    for line in (
        f"req -x509 -newkey {key} -keyout ca.key -out ca.crt -subj /CN=authority -days 2 -addext {usage}",
        f"req -newkey {key} -keyout server.key -out server.csr -subj /CN=kube-apiserver",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names",
        "genrsa -out accounts.key 2048",
    ):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)


def is_reachable(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Tailgate as a process on ports that it keeps over restarts, and what can be sent to it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import yaml
from harness import SERVICE, free_port


class Sink:
    """An OTLP/gRPC upstream that takes everything, or refuses everything for good."""

    def __init__(self, refuse: bool = False) -> None:
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])

        def export(_request: bytes, context: grpc.ServicerContext) -> bytes:
            if refuse:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not here")
            return b""

        handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()


class Instance:
    """One Tailgate: `configs` are merged, over them its addresses."""

    def __init__(self, folder: Path, configs: list[Path | str], environment: dict[str, str] | None = None) -> None:
        """A config that is a text is written into `folder`."""
        folder.mkdir()
        self.folder = folder
        self.grpc, self.http, self.metrics, self._health = (free_port() for _ in range(4))
        files = []
        for number, config in enumerate([*configs, self._addresses()]):
            file = config if isinstance(config, Path) else folder / f"{number}.yaml"
            if not isinstance(config, Path):
                file.write_text(config, encoding="utf-8")
            files.append(f"--config={file}")
        self._command = [sys.executable, "-m", "tailgate", "run", "--watch=0.2", *files]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def _addresses(self) -> str:
        protocols = {name: {"endpoint": f"127.0.0.1:{getattr(self, name)}"} for name in ("grpc", "http")}
        return yaml.safe_dump(
            {
                "receivers": {"otlp": {"protocols": protocols}},
                "extensions": {"health_check": {"endpoint": f"127.0.0.1:{self._health}"}},
                "service": {
                    "extensions": ["health_check"],
                    "telemetry": {"metrics": {"address": f"127.0.0.1:{self.metrics}"}},
                },
            }
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        for _ in range(600):
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"never ready: {self.log}")

    def stop(self) -> None:
        """Stop it, by force if it takes longer than it may."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def page(self) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def post(self, body: bytes) -> int:
        """Send a request over HTTP; return the status. One thread at a time."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        try:
            self._connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        return answer.status

"""A node: binds pods, tells their status, mounts their volumes and runs Tailgate's container, as a kubelet would.

Everything that it does is what the API server says: volumes, tokens, variables and arguments are those of the pod
object. What is different: the container is a process in a mount namespace of its own, not in an image; pods have
addresses of the loopback network.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import Tailgate, until
from kube_cluster import LONGEST, Cluster, NotFoundError
from kube_volume import Volume

ROOT = """\
set -e
scratch=$1; shift
mount -t tmpfs none "$scratch"
mkdir "$scratch/upper" "$scratch/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$scratch/upper,workdir=$scratch/work" /etc
mount -t tmpfs none /run
while [ "$1" != -- ]; do mkdir -p "$2"; mount --bind "$1" "$2"; shift 2; done
shift
mount -o remount,bind,ro /
exec "$@"
"""
"""Gives a process what its container would see: its mounts, and a root that cannot be written to."""
PULL = 0.3
"""Seconds after which changed ConfigMaps are mounted."""


def path_of(namespace: str, plural: str, name: str = "", group: str = "") -> str:
    """The path of objects, or of one, in the API."""
    base = f"/apis/{group}" if group else "/api/v1"
    return f"{base}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


@dataclass
class Node:
    """A node of the cluster."""

    cluster: Cluster
    folder: Path
    name: str = "n1"
    running: list[Container] = field(default_factory=list)

    def register(self, **labels: str) -> None:
        """Tell the cluster that the node is there, and ready."""
        meta = {"name": self.name, "labels": {"kubernetes.io/hostname": self.name, **labels}}
        api, path = self.cluster.api, f"/api/v1/nodes/{self.name}"
        api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
        api.patch(f"{path}/status", {"status": {"conditions": [ready]}})
        api.patch(path, {"spec": {"taints": None}})  # as the controller does that looks after nodes

    def pod(self, namespace: str, selector: str) -> dict[str, Any]:
        """The one pod with these labels, once its controller has made it; others must have gone."""

        def found() -> Any:
            items = self.cluster.api.get(f"{path_of(namespace, 'pods')}?labelSelector={selector}")["items"]
            living = [one for one in items if "deletionTimestamp" not in one["metadata"]]
            return living[0] if len(living) == 1 else None

        pod: dict[str, Any] = until(f"there is a pod {selector} in {namespace}", found)
        return pod

    def start(self, pod: dict[str, Any], address: str) -> dict[str, Any]:
        """Bind a pod to this node, if its controller has not, and say that its containers run."""
        path = path_of(pod["metadata"]["namespace"], "pods", pod["metadata"]["name"])
        if "nodeName" not in pod["spec"]:
            target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}}
            self.cluster.api.post(f"{path}/binding", {**binding, "target": target})
        containers = [_status(one, pod["metadata"]["uid"]) for one in pod["spec"]["containers"]]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "127.0.0.1",
                  "containerStatuses": containers}  # fmt: skip
        self.cluster.api.patch(f"{path}/status", {"status": status})
        found: dict[str, Any] = self.cluster.api.get(path)
        return found

    def run(self, pod: dict[str, Any], ports: dict[str, int]) -> Container:
        """Run the first container of a pod; it ends with `stop`."""
        container = Container(self, pod, self.folder / pod["metadata"]["name"])
        self.running.append(container)
        container.start(ports)
        return container

    def stop(self) -> None:
        """End what runs."""
        for container in self.running:
            container.stop()


def _status(container: dict[str, Any], uid: str) -> dict[str, Any]:
    name, image = container["name"], container["image"]
    running = {"startedAt": "2026-01-01T00:00:00Z"}
    return {"name": name, "image": image, "imageID": f"{image.partition(':')[0]}@sha256:{'ab' * 32}", "restartCount": 0,
            "ready": True, "containerID": f"containerd://{uid}-{name}", "state": {"running": running}}  # fmt: skip


@dataclass
class Container:
    """Tailgate's container of a pod."""

    node: Node
    pod: dict[str, Any]
    folder: Path
    volumes: dict[str, Volume] = field(default_factory=dict)
    tailgate: Tailgate | None = None
    started: float = field(default_factory=time.monotonic)
    over: threading.Event = field(default_factory=threading.Event)
    failure: str = ""

    @property
    def spec(self) -> dict[str, Any]:
        """The container's part of the pod."""
        found: dict[str, Any] = self.pod["spec"]["containers"][0]
        return found

    def start(self, ports: dict[str, int]) -> None:
        """Mount, run, wait until it is ready, and keep the mounts up to date from then on."""
        (self.folder / "scratch").mkdir(parents=True)
        mounts = [part for mount in sorted(self.spec["volumeMounts"], key=_last_tmp) for part in self._mounted(mount)]
        log = self.folder / "log.txt"
        namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ROOT, "sh"]
        if os.geteuid():
            namespace.insert(1, "--map-root-user")
        program = [sys.executable, "-m", "tailgate", *self.spec["args"]]
        command = ["timeout", str(LONGEST), *namespace, str(self.folder / "scratch"), *mounts, "--", *program]
        with log.open("ab") as sink:
            process = subprocess.Popen(command, env=self._environment(), stdout=sink, stderr=sink, cwd="/")
        self.tailgate = Tailgate(process, ports["grpc"], ports["http"], ports["metrics"], ports["health"], log)
        until("Tailgate is ready", self._ready)
        threading.Thread(target=self._keep_mounting, daemon=True).start()

    def stop(self) -> int:
        """End it as the kubelet does; its exit code comes back."""
        self.over.set()
        if self.tailgate is None:
            return 0
        code = self.tailgate.stop() if self.tailgate.process.poll() is None else self.tailgate.process.returncode
        assert not self.failure, self.failure
        return code

    def renew_tokens(self) -> None:
        """Mount new tokens, as the kubelet does before the old ones end."""
        for one in self.pod["spec"]["volumes"]:
            if one["name"] in self.volumes and "serviceAccountToken" in str(one):
                self.volumes[one["name"]].update(self._files(one))

    def _ready(self) -> bool:
        assert self.tailgate is not None
        assert self.tailgate.process.poll() is None, self.tailgate.log.read_text()
        return self.tailgate.ready()

    def _mounted(self, mount: dict[str, Any]) -> tuple[str, str]:
        volume = next(one for one in self.pod["spec"]["volumes"] if one["name"] == mount["name"])
        folder = self.folder / volume["name"]
        if "projected" in volume:
            self.volumes[volume["name"]] = Volume(folder, self._files(volume))
        else:
            assert "emptyDir" in volume, volume
            folder.mkdir()
        return str(folder), mount["mountPath"]

    def _files(self, volume: dict[str, Any]) -> dict[str, str]:
        files: dict[str, str] = {}
        for source in volume["projected"]["sources"]:
            files |= self._source(source)
        return files

    def _source(self, source: dict[str, Any]) -> dict[str, str]:
        meta, api = self.pod["metadata"], self.node.cluster.api
        if wanted := source.get("configMap"):
            found = until(f"there is {wanted['name']}", lambda: self._config_map(wanted["name"]))
            chosen = {one["key"]: one["path"] for one in wanted.get("items", ())}
            return {chosen.get(key, key): text for key, text in found.items() if not chosen or key in chosen}
        if wanted := source.get("serviceAccountToken"):
            bound = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
            spec = {"expirationSeconds": wanted["expirationSeconds"], "boundObjectRef": bound}
            path = path_of(meta["namespace"], "serviceaccounts", self.pod["spec"]["serviceAccountName"])
            asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
            return {wanted["path"]: api.post(f"{path}/token", asked)["status"]["token"]}
        items = source["downwardAPI"]["items"]
        return {one["path"]: field_of(self.pod, one["fieldRef"]["fieldPath"]) for one in items}

    def _config_map(self, name: str) -> dict[str, str] | None:
        with contextlib.suppress(NotFoundError):
            found: dict[str, str] = self.node.cluster.api.get(
                path_of(self.pod["metadata"]["namespace"], "configmaps", name)
            )["data"]
            return found
        return None

    def _environment(self) -> dict[str, str]:
        api = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.node.cluster.ports["api"])}
        env = {"PATH": "/usr/bin:/bin", **api}
        for one in self.spec.get("env", ()):
            env[one["name"]] = one.get("value") or field_of(self.pod, one["valueFrom"]["fieldRef"]["fieldPath"])
        return env

    def _keep_mounting(self) -> None:
        """Bring changes of ConfigMaps into the volumes that have them, while the API server is there."""
        volumes = {one["name"]: one for one in self.pod["spec"]["volumes"] if one["name"] in self.volumes}
        while not self.over.wait(PULL):
            try:
                for name, volume in volumes.items():
                    if not any("serviceAccountToken" in source for source in volume["projected"]["sources"]):
                        self._bring(name, self._files(volume))
            except OSError:
                continue  # the API server is away: what is mounted stays
            except AssertionError as error:
                self.failure = self.failure or str(error)

    def _bring(self, name: str, files: dict[str, str]) -> None:
        if self.volumes[name].files != files:
            self.volumes[name].update(files)


def _last_tmp(mount: dict[str, Any]) -> bool:
    """Folders of the test are in /tmp: it is hidden last."""
    return bool(mount["mountPath"] == "/tmp")


def field_of(pod: dict[str, Any], path: str) -> str:
    """The value of a field of the downward API."""
    found: Any = pod
    for key in path.split("."):
        found = found[key]
    return str(found)


class Sender(threading.Thread):
    """Forwards connections from an address of its own, as those of a pod with that address."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True)
        self._address, self._target = address, ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        """Accept until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.close()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target, source_address=(self._address, 0)) as server:
            other = {client: server, server: client}
            with contextlib.suppress(OSError):
                while True:
                    for one in select.select([client, server], [], [])[0]:
                        data = one.recv(1 << 16)
                        if not data:
                            return
                        other[one].sendall(data)

"""A small API server of Kubernetes over loopback HTTP: lists in chunks, watches, versions that expire, outages."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

KINDS = {"pods": "Pod", "namespaces": "Namespace", "nodes": "Node", "replicasets": "ReplicaSet", "jobs": "Job"}


def pod(name: str, ip: str | None = None, **more: Any) -> dict[str, Any]:
    """A pod as the API has it; `more`: uid, namespace, node, labels, annotations, owner (kind, name), created, host,
    containers (name to image)."""
    kind, owner = more.get("owner", ("ReplicaSet", f"{name}-5d8f7c"))
    return {
        "metadata": {
            "name": name, "namespace": more.get("namespace", "shop"), "uid": more.get("uid", f"uid-{name}"),
            "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z"),
            "labels": {"pod-template-hash": "5d8f7c", **more.get("labels", {})},
            "annotations": more.get("annotations", {}),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": f"uid-{owner}"}],
        },
        "spec": {"nodeName": more.get("node", "n1"), "hostNetwork": more.get("host", False),
                 "containers": [{"name": n, "image": image} for n, image in more.get("containers", {}).items()]},
        "status": {"phase": "Running", "containerStatuses": [ran(n) for n in more.get("containers", {})],
                   **({"podIP": ip, "podIPs": [{"ip": ip}]} if ip else {})},
    }  # fmt: skip


def ran(name: str, restarts: int = 0) -> dict[str, Any]:
    """The status of a container."""
    return {"name": name, "containerID": f"containerd://{name}-{restarts}", "image": "", "ready": True,
            "imageID": f"docker.io/library/{name}@sha256:abc", "restartCount": restarts}  # fmt: skip


def made(name: str, kind: str | None = None, owner: str = "") -> dict[str, Any]:
    """A replica set or a job that somebody controls, or nobody."""
    by = {"apiVersion": "x/v1", "kind": kind, "name": owner, "uid": f"uid-{owner}", "controller": True}
    spec = {"selector": {}, "template": {"spec": {"containers": []}}}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": [by] if kind else []}, "spec": spec}


def thing(name: str, **labels: str) -> dict[str, Any]:
    """A namespace or a node."""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}}


class FakeApi:
    """What the API server holds; changes go to whoever watches."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {plural: {} for plural in KINDS}
        self.version = 100
        self.oldest = 0
        """Watches from before this version are refused with 410."""
        self.down = False
        self.requests: list[tuple[str, bool, dict[str, str]]] = []
        """Plural, whether it was a watch, and the query."""
        self._watches: set[tuple[str, asyncio.Queue[Any]]] = set()

    def put(self, plural: str, item: dict[str, Any]) -> None:
        """Add or change an object."""
        uid = item["metadata"]["uid"]
        event = "MODIFIED" if uid in self.objects[plural] else "ADDED"
        self.objects[plural][uid] = item
        self._tell(plural, event, item)

    def delete(self, plural: str, uid: str) -> None:
        """Delete an object."""
        self._tell(plural, "DELETED", self.objects[plural].pop(uid))

    def forget(self, plural: str, uid: str) -> None:
        """Delete an object without anybody being told, as while watches are away."""
        self.version += 1
        del self.objects[plural][uid]

    def break_watches(self, gone: bool = False) -> None:
        """End all watches: with an error 410 in the stream, or as when a connection breaks."""
        for _, queue in self._watches:
            queue.put_nowait("gone" if gone else "break")

    @property
    def watching(self) -> int:
        """How many watches there are."""
        return len(self._watches)

    def _tell(self, plural: str, event: str, item: dict[str, Any]) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        for watched, queue in self._watches:
            if watched == plural:
                queue.put_nowait({"type": event, "object": self._whole(plural, item)})

    @staticmethod
    def _whole(plural: str, item: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": KINDS[plural], **item}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a list or a watch."""
        plural, query = request.match_info["plural"], dict(request.query)
        watch = query.get("watch") == "true"
        self.requests.append((plural, watch, query))
        if self.down:
            return web.json_response(_status(503, "down"), status=503)
        if watch:
            return await self._watch(request, plural, query)
        start, limit = int(query.get("continue", 0)), int(query.get("limit", 500))
        chosen = list(self.objects[plural].values())
        more = str(start + limit) if start + limit < len(chosen) else None
        items = [self._whole(plural, one) for one in chosen[start : start + limit]]
        meta = {"resourceVersion": str(self.version), **({"continue": more} if more else {})}
        return web.json_response({"apiVersion": "v1", "kind": f"{KINDS[plural]}List", "metadata": meta, "items": items})

    async def one(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for one object."""
        plural, name = request.match_info["plural"], request.match_info["name"]
        self.requests.append((plural, False, {"name": name}))
        if self.down:
            return web.json_response(_status(503, "down"), status=503)
        found = [item for item in self.objects[plural].values() if item["metadata"]["name"] == name]
        if not found:
            return web.json_response(_status(404, "not found"), status=404)
        return web.json_response(self._whole(plural, found[0]))

    async def _watch(self, request: web.Request, plural: str, query: dict[str, str]) -> web.StreamResponse:
        if int(query.get("resourceVersion", 0)) < self.oldest:
            return web.json_response(_status(410, "too old resource version"), status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._watches.add((plural, queue))
        try:
            while (event := await queue.get()) not in ("break", "gone"):
                await response.write(json.dumps(event).encode() + b"\n")
            if event == "gone":
                await response.write(json.dumps({"type": "ERROR", "object": _status(410, "expired")}).encode() + b"\n")
            elif request.transport is not None:
                request.transport.abort()
        finally:
            self._watches.discard((plural, queue))
        return response


def _status(code: int, message: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}


@asynccontextmanager
async def serving(api: FakeApi, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on loopback; the port comes back."""
    app = web.Application()
    app.router.add_get("/api/v1/{plural}", api.answer)
    app.router.add_get("/api/v1/namespaces/{namespace}/{plural}", api.answer)
    app.router.add_get("/apis/{group}/v1/namespaces/{namespace}/{plural}/{name}", api.one)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    finally:
        api.break_watches()
        await runner.cleanup()

"""The client of the Kubernetes API: which objects are asked for, and with which credentials."""

from __future__ import annotations

import importlib.util
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from .config import Filter, K8sAttributesConfig
from .objects import Owner, controller_of
from .owners import Wanted
from .watch import CHUNK, Expired

_GONE, _NOT_FOUND = 410, 404
_EVENTS = ("ADDED", "MODIFIED", "DELETED")
MISSING = "it needs the package lightkube: install tailgate[kubernetes]"


def available() -> bool:
    """Return whether the client library is installed."""
    return importlib.util.find_spec("lightkube") is not None


def connect(config: K8sAttributesConfig, env: Mapping[str, str] = os.environ) -> Any:
    """Return a client. Raises an exception of the library, KeyError or OSError when there are no credentials."""
    from lightkube import KubeConfig
    from lightkube.config.models import Cluster, User

    if config.auth_type == "kubeConfig":
        path = env.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        return _client(KubeConfig.from_file(path).get(config.context or None))
    if config.auth_type == "none":
        url = f"http://{env['KUBERNETES_SERVICE_HOST']}:{env['KUBERNETES_SERVICE_PORT']}"
        return _client(KubeConfig.from_one(cluster=Cluster(server=url), user=User()).get())
    return _client(KubeConfig.from_service_account().get())


def _client(config: Any) -> Any:
    """Return a client that takes the certificates which clusters have.

    From Python 3.13 on, certificates must by default have what RFC 5280 asks of public authorities. Those of many
    clusters do not (Amazon's have no key identifiers); the signature and the name are verified all the same.
    """
    from lightkube import AsyncClient
    from lightkube.config import client_adapter

    context = client_adapter.verify_cluster(config.cluster, config.user, config.abs_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    httpx = client_adapter.httpx  # type: ignore[attr-defined] # of the version that the library is built on
    return AsyncClient(config=config, transport=httpx.AsyncHTTPTransport(verify=context))


class Objects:
    """One kind of objects through the client, which is made when it is first needed; see `watch.Api`."""

    def __init__(self, client: Callable[[], Any], kind: str, config: K8sAttributesConfig, node: str) -> None:
        """`kind`: `pod`, `namespace` or `node`; `node`: the one whose pods are wanted, empty for all."""
        self._client, self._kind, self._config, self._node = client, kind, config, node
        self._version: str | None = None

    def _selection(self) -> tuple[Any, dict[str, Any]]:
        from lightkube.resources.core_v1 import Namespace, Node, Pod

        if self._kind == "namespace":
            return Namespace, {}
        if self._kind == "node":
            return Node, {"fields": [("metadata.name", self._node)]} if self._node else {}
        chosen = self._config.filter
        fields = [("spec.nodeName", self._node)] if self._node else []
        fields += [(one.key, _operator(one)) for one in chosen.fields]
        labels = [(one.key, _operator(one)) for one in chosen.labels]
        return Pod, {"namespace": chosen.namespace or "*", "fields": fields or None, "labels": labels or None}

    async def list(self) -> AsyncIterator[Any]:
        """Yield all objects, and remember the version that they have."""
        resource, selection = self._selection()
        found = self._client().list(resource, chunk_size=CHUNK, **selection)
        async for item in found:
            yield item
        self._version = found.resourceVersion

    async def watch(self) -> AsyncIterator[tuple[str, Any]]:
        """Yield what happens from that version on. Raises `Expired`."""
        resource, selection = self._selection()
        seconds = max(1, self._config.watch_sync_period // 1_000_000_000)
        events = self._client().watch(resource, resource_version=self._version, server_timeout=seconds, **selection)
        try:
            async with aclosing(events):
                async for event, item in events:
                    if event in _EVENTS:
                        yield event, item
        except Exception as error:
            if _says(error, _GONE):
                raise Expired from None
            raise


async def controller(client: Any, wanted: Wanted) -> Owner | None:
    """Return who controls an owner of pods, None for nobody. Raises LookupError where there is no such owner."""
    from lightkube.resources.apps_v1 import ReplicaSet
    from lightkube.resources.batch_v1 import Job

    kinds = {"ReplicaSet": ReplicaSet, "Job": Job}
    try:
        found = await client.get(kinds[wanted.kind], wanted.name, namespace=wanted.namespace)
    except Exception as error:
        if _says(error, _NOT_FOUND):
            raise LookupError(wanted.name) from None
        raise
    if found.metadata.uid != wanted.uid:
        raise LookupError(wanted.name)
    return controller_of(found)


def _says(error: Exception, code: int) -> bool:
    """Return whether an error is of that status: as an event of a watch, or as the answer to a request."""
    event, answer = getattr(error, "status", None), getattr(error, "response", None)
    return code in (getattr(event, "code", None), getattr(answer, "status_code", None))


def _operator(one: Filter) -> Any:
    from lightkube import operators

    if one.op == "exists":
        return operators.exists()
    if one.op == "does-not-exist":
        return operators.not_exists()
    return operators.not_equal(one.value) if one.op == "not-equals" else operators.equal(one.value)

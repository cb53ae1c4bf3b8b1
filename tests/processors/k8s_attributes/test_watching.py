"""`k8s_attributes` against an API server: lists, watches, 410 Gone, outages; spans get what is known then."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from certificates import certificate
from tailgate import kernel as kernels
from tailgate.processors.base import BuildContext, Fused
from tailgate.processors.k8s_attributes import SPEC, K8sAttributesConfig, Watcher, client

from ..conftest import LIMITS, NO_FACTS, plain, request
from .fake_api import FakeApi, made, pod, serving, thing

pytest.importorskip("lightkube")
from lightkube import KubeConfig

KERNEL = "reference" if kernels.why_not_rust() else "rust"


class Desk:
    """A processor that is built, with its watcher running against an API server."""

    def __init__(self, config: dict[str, Any]) -> None:
        kernel = kernels.load(KERNEL)
        self.context = BuildContext("k8s_attributes", "traces", kernel, kernel.labels(), [])
        self.part = SPEC.build(K8sAttributesConfig.model_validate({"auth_type": "none", **config}), self.context)
        assert isinstance(self.part, Fused)
        spec: Any = {"stages": self.part.stages, "facts": NO_FACTS, "limits": LIMITS,
                     "context": len(self.context.context)}  # fmt: skip
        self.program = kernel.compile(spec, [named.lookup for named in self.context.lookups])
        (self.watcher,) = self.context.backgrounds.values()
        assert isinstance(self.watcher, Watcher)

    def resource(self, peer: str | None = None, **attributes: Any) -> dict[str, Any]:
        """The attributes of a resource whose span came from this peer."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        data = request({"name": "x"}, resource=attributes)
        out = self.program.digest(data, [peer for _ in self.context.context]).request()
        return plain(ExportTraceServiceRequest.FromString(out).resource_spans[0].resource.attributes)


@asynccontextmanager
async def running(api: FakeApi, monkeypatch: pytest.MonkeyPatch, **config: Any) -> AsyncIterator[Desk]:
    """Serve the API, run the watcher, wait until it has what is there."""
    monkeypatch.setattr("tailgate.processors.k8s_attributes.watch.FIRST_PAUSE", 0.01)
    async with serving(api) as port:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        desk = Desk(config)
        task = asyncio.get_running_loop().create_task(desk.watcher.run())
        try:
            if not api.down:
                await until(lambda: api.watching == len(desk.watcher.feeds))
            yield desk
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until(true: Callable[[], bool]) -> None:
    """Wait for something, a few seconds at most."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_a_span_gets_its_pods_metadata_by_the_address_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: pods are there, come, change and go. Guarantees: spans have what is true then; unknown ones count."""

    async def scenario() -> None:
        api = FakeApi()
        api.put("pods", pod("cart", "10.0.0.1"))
        async with running(api, monkeypatch) as desk:
            assert desk.resource("10.0.0.1") == {
                "k8s.pod.ip": "10.0.0.1", "k8s.namespace.name": "shop", "k8s.pod.name": "cart",
                "k8s.pod.uid": "uid-cart", "k8s.pod.start_time": "2026-01-01T00:00:00Z",
                "k8s.node.name": "n1", "k8s.deployment.name": "cart",
            }  # fmt: skip
            assert desk.resource("10.0.0.2") == {"k8s.pod.ip": "10.0.0.2"}
            assert desk.program.lookups() == [(1, 1)]
            api.put("pods", pod("new"))
            api.put("pods", pod("new", "10.0.0.2"))
            await until(lambda: desk.resource("10.0.0.2").get("k8s.pod.name") == "new")
            api.delete("pods", "uid-cart")
            api.put("pods", pod("next", "10.0.0.1", created="2026-01-02T00:00:00Z"))
            await until(lambda: desk.resource("10.0.0.1").get("k8s.pod.name") == "next")

    asyncio.run(scenario())


def test_only_this_nodes_pods_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: the node, fields and labels of `filter` are the API server's to filter, for lists and watches."""
    monkeypatch.setenv("NODE", "n7")
    chosen = {"node_from_env_var": "NODE", "namespace": "shop", "fields": [{"key": "status.phase", "value": "Running"}],
              "labels": [{"key": "app", "value": "x", "op": "not-equals"}, {"key": "y", "op": "exists"}]}  # fmt: skip

    async def scenario() -> None:
        api = FakeApi()
        async with running(api, monkeypatch, filter=chosen):
            for plural, _, query in api.requests:
                assert plural == "pods"
                assert query["fieldSelector"] == "spec.nodeName=n7,status.phase=Running"
                assert query["labelSelector"] == "app!=x,y"
            assert [watch for _, watch, _ in api.requests] == [False, True]

    asyncio.run(scenario())


@pytest.mark.parametrize("gone", [True, False])
def test_a_watch_that_ends_goes_on_with_a_new_list(monkeypatch: pytest.MonkeyPatch, gone: bool) -> None:
    """Scenario: 410 Gone in the stream, or a broken connection; a pod went meanwhile. Guarantees: nothing is missed."""

    async def scenario() -> None:
        api = FakeApi()
        api.put("pods", pod("a", "10.0.0.1"))
        async with running(api, monkeypatch, pod_delete_grace_period="1ms") as desk:
            api.forget("pods", "uid-a")
            api.objects["pods"]["uid-b"] = pod("b", "10.0.0.2")
            api.break_watches(gone)
            await until(lambda: desk.resource("10.0.0.2").get("k8s.pod.name") == "b")
            await until(lambda: "k8s.pod.name" not in desk.resource("10.0.0.1"))
            (feed,) = desk.watcher.feeds
            assert (feed.counts.lists, feed.counts.expired, feed.counts.failures) == (2, int(gone), int(not gone))

    asyncio.run(scenario())


def test_versions_that_are_too_old_are_listed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: every watch is refused with 410 for a while. Guarantees: no loop without a pause; then it goes on."""

    async def scenario() -> None:
        api = FakeApi()
        api.oldest = 1000
        api.down = True
        async with running(api, monkeypatch) as desk:
            api.down = False
            (feed,) = desk.watcher.feeds
            await until(lambda: feed.counts.expired >= 3)
            api.oldest = 0
            await until(lambda: api.watching == 1)
            api.put("pods", pod("a", "10.0.0.1"))
            await until(lambda: desk.resource("10.0.0.1").get("k8s.pod.name") == "a")

    asyncio.run(scenario())


def test_an_outage_leaves_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: the API server is away, then back. Guarantees: known pods stay known; failures are counted."""

    async def scenario() -> None:
        api = FakeApi()
        api.put("pods", pod("a", "10.0.0.1"))
        async with running(api, monkeypatch) as desk:
            api.down = True
            api.break_watches()
            (feed,) = desk.watcher.feeds
            await until(lambda: feed.counts.failures >= 3)
            assert desk.resource("10.0.0.1")["k8s.pod.name"] == "a"
            api.down = False
            api.objects["pods"]["uid-b"] = pod("b", "10.0.0.2")
            await until(lambda: desk.resource("10.0.0.2").get("k8s.pod.name") == "b")
            samples = {(s.name, s.labels.get("kind")): s.value for s in desk.watcher.samples()}
            assert samples["tailgate_kubernetes_pods", None] == 2
            assert samples["tailgate_kubernetes_failures", "pod"] >= 3

    asyncio.run(scenario())


def test_namespaces_and_nodes_are_watched_when_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: their labels reach known pods, and unknown ones by the attributes that name them; changes too."""
    extract = {
        "metadata": ["k8s.pod.name", "k8s.node.uid", "k8s.cluster.uid"],
        "labels": [{"key": "cost", "tag_name": "cost.centre", "from": "namespace"}, {"key": "zone", "from": "node"}],
    }

    async def scenario() -> None:
        api = FakeApi()
        api.put("pods", pod("a", "10.0.0.1"))
        for name in ("shop", "kube-system"):
            api.put("namespaces", thing(name, cost=f"of {name}"))
        api.put("nodes", thing("n1", zone="z1"))
        async with running(api, monkeypatch, extract=extract) as desk:
            around = {"cost.centre": "of shop", "k8s.cluster.uid": "uid-kube-system", "k8s.node.labels.zone": "z1",
                      "k8s.node.uid": "uid-n1"}  # fmt: skip
            assert desk.resource("10.0.0.1") == {"k8s.pod.ip": "10.0.0.1", "k8s.pod.name": "a", **around}
            named = {"k8s.namespace.name": "shop", "k8s.node.name": "n1"}
            assert desk.resource("10.9.9.9", **named) == {"k8s.pod.ip": "10.9.9.9", **named, **around}
            api.put("namespaces", thing("shop", cost="4711"))
            await until(lambda: desk.resource("10.0.0.1").get("cost.centre") == "4711")

    asyncio.run(scenario())


def test_lists_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: more pods than one answer holds are all known; more than `max_pods` are counted."""
    monkeypatch.setattr(client, "CHUNK", 3)

    async def scenario() -> None:
        api = FakeApi()
        for number in range(10):
            api.put("pods", pod(f"p{number}", f"10.0.0.{number}"))
        async with running(api, monkeypatch, max_pods=8) as desk:
            assert len([query for _, watch, query in api.requests if not watch]) == 4
            assert (len(desk.watcher.cache), desk.watcher.cache.overflow) == (8, 2)
            assert desk.resource("10.0.0.7")["k8s.pod.name"] == "p7"

    asyncio.run(scenario())


@pytest.mark.parametrize("down", [True, False])
def test_receivers_wait_for_metadata_when_they_are_told_to(monkeypatch: pytest.MonkeyPatch, down: bool) -> None:
    """Guarantees: `ready` returns when the pods are known, or after its time when the API server is away."""

    async def scenario() -> None:
        api = FakeApi()
        api.down = down
        api.put("pods", pod("a", "10.0.0.1"))
        wait = {"wait_for_metadata": True, "wait_for_metadata_timeout": "100ms" if down else "5s"}
        async with running(api, monkeypatch, **wait) as desk:
            async with asyncio.timeout(2):
                await desk.watcher.ready()
            assert ("k8s.pod.name" in desk.resource("10.0.0.1")) is not down

    asyncio.run(scenario())


def test_owners_of_owners_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenario: a deployment's pods, one whose replica set is gone, an outage. Guarantees: one request for each."""
    extract = {"metadata": ["k8s.deployment.name", "k8s.deployment.uid"]}

    async def scenario() -> None:
        api = FakeApi()
        for number in (1, 2):
            api.put("pods", pod(f"a{number}", f"10.0.0.{number}", owner=("ReplicaSet", "a-5d8f7c")))
        api.put("pods", pod("b", "10.0.0.3"))
        api.put("replicasets", made("a-5d8f7c", "Deployment", "the-a"))
        async with running(api, monkeypatch, extract=extract) as desk:
            owned = {"k8s.deployment.name": "the-a", "k8s.deployment.uid": "uid-the-a"}
            for number in (1, 2):
                address = f"10.0.0.{number}"
                await until(lambda address=address: desk.resource(address) == {"k8s.pod.ip": address, **owned})
            assert desk.resource("10.0.0.3")["k8s.deployment.name"] == "b", "as its replica set's name ends in the hash"
            api.put("pods", pod("a1", "10.0.0.1", owner=("ReplicaSet", "a-5d8f7c"), labels={"new": "1"}))
            await until(lambda: desk.watcher.feeds[0].counts.events == 1)
            await until(lambda: sorted(asked(api)) == ["a-5d8f7c", "b-5d8f7c"])
            api.down = True
            api.put("pods", pod("c", "10.0.0.4"))
            await until(lambda: desk.watcher.asked.failures >= 2)
            api.put("replicasets", made("c-5d8f7c", "Rollout", "c"))
            api.down = False
            await until(lambda: desk.resource("10.0.0.4") == {"k8s.pod.ip": "10.0.0.4"})
            samples = {(s.name, s.labels.get("kind")): s.value for s in desk.watcher.samples()}
            assert samples["tailgate_kubernetes_events", "owner"] == 2
            assert samples["tailgate_kubernetes_failures", "owner"] >= 2

    asyncio.run(scenario())


def asked(api: FakeApi) -> list[str]:
    """The replica sets that were asked for, by name."""
    return [query["name"] for plural, _, query in api.requests if plural == "replicasets"]


def test_containers_come_with_their_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guarantees: names, images and statuses as the API has them arrive."""
    extract = {"metadata": ["k8s.container.name", "container.id", "container.image.name", "container.image.tag"]}

    async def scenario() -> None:
        api = FakeApi()
        api.put("pods", pod("a", "10.0.0.1", containers={"web": "shop/web:7"}))
        async with running(api, monkeypatch, extract=extract) as desk:
            assert desk.resource("10.0.0.1") == {
                "k8s.pod.ip": "10.0.0.1", "k8s.container.name": "web", "container.id": "web-0",
                "container.image.name": "shop/web", "container.image.tag": "7",
            }  # fmt: skip

    asyncio.run(scenario())


@pytest.mark.parametrize("known", [True, False])
def test_certificates_as_clusters_have_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: bool) -> None:
    """Scenario: an authority without key identifiers, and TLS as strict as from Python 3.13 on; another one.

    Guarantees: the first is taken, with the service account's token; the second is refused.
    """
    authority = certificate(tmp_path, "ca", None, (-1, 1))
    certificate(tmp_path, "server", authority, (-1, 1))
    certificate(tmp_path, "other", None, (-1, 1))
    account = {"ca.crt": (tmp_path / ("ca.pem" if known else "other.pem")).read_text(), "token": "t", "namespace": "n"}
    for name, text in account.items():
        (tmp_path / name).write_text(text)
    make = ssl.create_default_context

    def strict(*arguments: Any, **named: Any) -> ssl.SSLContext:
        context = make(*arguments, **named)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    async def scenario() -> None:
        tls = make(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server_key.pem")
        api = FakeApi()
        api.put("pods", pod("a", "10.0.0.1"))
        async with serving(api, tls) as port:
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
            monkeypatch.setattr(ssl, "create_default_context", strict)
            of_account = partial(KubeConfig.from_service_account, tmp_path)
            monkeypatch.setattr(KubeConfig, "from_service_account", of_account)
            one = client.connect(K8sAttributesConfig())
            feed = client.Objects(lambda: one, "pod", K8sAttributesConfig(), "")
            try:
                if known:
                    assert [item.metadata.name async for item in feed.list()] == ["a"]
                else:
                    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
                        _ = [item async for item in feed.list()]
            finally:
                await one.close()

    asyncio.run(scenario())

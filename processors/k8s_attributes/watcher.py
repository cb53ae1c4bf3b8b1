"""Keeps the cache up to date in the background, for all pipelines that want the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ...telemetry.logs import get_logger
from ...telemetry.samples import Sample
from .cache import Cache
from .client import Objects, controller
from .config import K8sAttributesConfig
from .metadata import needs
from .objects import Pod, Thing, pod_of, thing_of
from .owners import Wanted
from .watch import Counts, Feed, Pauses

EXPIRE_SECONDS = 1.0

log = get_logger("tailgate.kubernetes")


class Watcher:
    """A `Background` that follows pods, and namespaces and nodes where they are wanted."""

    def __init__(
        self, name: str, config: K8sAttributesConfig, cache: Cache, node: str, connect: Callable[[], Any],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        """`name`: in metrics; `connect` makes a client: it is called when the work begins, and again while it fails."""
        self.name, self.config, self.cache, self._node = name, config, cache, node
        self._connect, self._clock = connect, clock
        self._client: Any = None
        period = config.watch_sync_period / 1e9
        self.feeds = [Feed("pod", self._pods, self._pod, period)]
        for kind in ("namespace", "node"):
            if needs(config.extract, kind):
                self.feeds.append(Feed(kind, self._listed(kind), self._happened(kind), period))
        self.asked, self._new_pods = Counts(), asyncio.Event()

    async def run(self) -> None:
        """Follow everything until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_expiring())
                if self.cache.owners.kinds:
                    group.create_task(self._keep_asking())
                for feed in self.feeds:
                    group.create_task(feed.follow(Objects(self._connected, feed.kind, self.config, self._node)))
        finally:
            if self._client is not None:
                await self._client.close()
                self._client = None

    async def ready(self) -> None:
        """Wait for the first lists, when the configuration says so, and no longer than it says."""
        if not self.config.wait_for_metadata:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.wait_for_metadata_timeout / 1e9):
                for feed in self.feeds:
                    await feed.synced.wait()
                return
        log.error("kubernetes_metadata_not_there", seconds=self.config.wait_for_metadata_timeout / 1e9)

    def samples(self) -> Iterator[Sample]:
        """Yield what is known, and how the API is followed."""
        mine = {"processor": self.name}
        yield Sample("tailgate_kubernetes_pods", "gauge", "Pods that are known", len(self.cache), mine)
        text = "Times that a pod was not taken because max_pods were known"
        yield Sample("tailgate_kubernetes_pods_overflow", "counter", text, self.cache.overflow, mine)
        for feed in self.feeds:
            kind, counts = {**mine, "kind": feed.kind}, feed.counts
            yield Sample("tailgate_kubernetes_lists", "counter", "Whole lists that were taken", counts.lists, kind)
            yield Sample("tailgate_kubernetes_events", "counter", "Changes that were taken", counts.events, kind)
            text = "Failures of the API; it is asked again"
            yield Sample("tailgate_kubernetes_failures", "counter", text, counts.failures, kind)
            text = "Watches that could not go on (410 Gone): everything was listed anew"
            yield Sample("tailgate_kubernetes_expired", "counter", text, counts.expired, kind)
        if self.cache.owners.kinds:
            kind = {**mine, "kind": "owner"}
            yield Sample("tailgate_kubernetes_events", "counter", "Changes that were taken", self.asked.events, kind)
            text = "Failures of the API; it is asked again"
            yield Sample("tailgate_kubernetes_failures", "counter", text, self.asked.failures, kind)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client

    async def _keep_expiring(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_SECONDS)
            self.cache.expire(self._clock())

    async def _keep_asking(self) -> None:
        """Ask for the owners of pods' owners, one after the other; what fails is tried again."""
        pauses = Pauses("owner", self.asked)
        while True:
            await self._new_pods.wait()
            self._new_pods.clear()
            while pending := self.cache.owners.pending():
                try:
                    await self._ask(pending[0])
                    pauses.in_a_row = 0
                except Exception as error:
                    self.cache.owners.postpone(pending[0].uid)
                    await pauses.failed(error)

    async def _ask(self, wanted: Wanted) -> None:
        try:
            parent = await controller(self._connected(), wanted)
        except LookupError:
            self.cache.owners.give_up(wanted.uid)
        else:
            self.cache.settle(wanted.uid, parent)
            self.asked.events += 1

    def _pods(self, items: list[Any]) -> None:
        self.cache.set_pods((pod_of(item) for item in items), self._clock())
        self._new_pods.set()

    def _pod(self, event: str, item: Any) -> None:
        pod: Pod = pod_of(item)
        if event == "DELETED":
            self.cache.remove_pod(pod, self._clock())
        else:
            self.cache.set_pod(pod)
            self._new_pods.set()

    def _listed(self, kind: str) -> Callable[[list[Any]], None]:
        return lambda items: self.cache.set_things(kind, (thing_of(item) for item in items))

    def _happened(self, kind: str) -> Callable[[str, Any], None]:
        def happened(event: str, item: Any) -> None:
            thing: Thing = thing_of(item)
            if event == "DELETED":
                self.cache.remove_thing(kind, thing)
            else:
                self.cache.set_thing(kind, thing)

        return happened

"""Rules change without a restart: load, check, hand over; what cannot be taken over leaves everything as it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

from ..telemetry.logs import RateLimited, get_logger
from ..telemetry.samples import Sample
from .changes import NeedsRestart
from .errors import ConfigErrors
from .files import contents
from .model import Configuration, MetricsConfig
from .watching import Debounce, Watch

Result = Literal["success", "unchanged", "failure", "needs_restart"]
RESULTS: tuple[Result, ...] = ("success", "unchanged", "failure", "needs_restart")

log = get_logger("tailgate.reload")


class Reloader:
    """Keeps a configuration in effect and replaces it by what its files say."""

    def __init__(
        self,
        config: Configuration,
        load: Callable[[], Configuration],
        apply: Callable[[Configuration], Awaitable[None]],
        clock: Callable[[], int],
        since: int | None = None,
    ) -> None:
        """`load` reads the files anew; `apply` takes a configuration over, or raises; `clock`: ns since 1970.

        `since`: when the reading of `config` began; what has changed from then on is looked at again.
        """
        self.config = config
        self.results: Counter[Result] = Counter()
        self._load, self._apply, self._clock = load, apply, clock
        self._files = config.files
        self._said = _said(config)
        self._failing = False
        self._since = clock()
        self._errors = RateLimited(log, interval=10, burst=20)
        self._watch = Watch()
        self._debounce = Debounce(self._watch.read(self._files, (), clock() if since is None else since, clock()))
        self._turn = asyncio.Lock()

    @property
    def hash(self) -> str:
        """Of the configuration in effect."""
        return self.config.hash

    @property
    def metrics(self) -> MetricsConfig:
        """Where the metrics are served; no reload changes it."""
        return self.config.metrics

    async def watch(self, interval: float) -> None:
        """Look at the files every `interval` seconds, for ever, and reload when they have changed and come to rest."""
        while True:
            await asyncio.sleep(interval)
            try:
                if self._debounce.look(await asyncio.to_thread(self._watch.look, self._files, self._clock())):
                    await self.reload("files")
            except Exception as error:
                self._errors.error("watching_failed", exc_info=error)

    async def reload(self, cause: str) -> Result:
        """Read the files and take over what they say; `cause` is for the log. Never raises for what they hold."""
        async with self._turn:
            since = self._clock()
            before = await asyncio.to_thread(self._watch.look, self._files, since)
            result = await self._reload(cause)
            read = await asyncio.to_thread(self._watch.read, self._files, before, since, self._clock())
            self._debounce.settle(read)
            self.results[result] += 1
            self._failing = result in ("failure", "needs_restart")
            return result

    async def _reload(self, cause: str) -> Result:
        try:
            config = await asyncio.to_thread(self._load)
            said = await asyncio.to_thread(_said, config)
            self._files = config.files
            if said == self._said:
                log.info("reload_unchanged", cause=cause, config=self.hash)
                return "unchanged"
            await self._apply(config)
        except ConfigErrors as errors:
            # What was named and could not be read is watched too: that is where the mistake is mended.
            self._files = tuple(dict.fromkeys((*self.config.files, *errors.files)))
            self._errors.error("reload_failed", cause=cause, config=self.hash, problems=str(errors).splitlines())
            return "failure"
        except NeedsRestart as error:
            self._errors.error("reload_needs_restart", cause=cause, config=self.hash, problem=str(error))
            return "needs_restart"
        except (ValueError, OSError) as error:
            self._errors.error("reload_failed", cause=cause, config=self.hash, problems=[str(error)])
            return "failure"
        for warning in config.warnings:
            log.warning("configuration", problem=str(warning))
        log.info("reloaded", cause=cause, config=config.hash, before=self.hash)
        self.config, self._said, self._since = config, said, self._clock()
        return "success"

    def samples(self) -> Iterator[Sample]:
        """Yield what became of reloads."""
        for result in RESULTS:
            text = "Reloads of the configuration, by what became of them."
            yield Sample("tailgate_config_reloads", "counter", text, self.results[result], {"result": result})
        text = "1 when the files say what is in effect, 0 when the last reload was not taken over."
        yield Sample("tailgate_config_last_reload_successful", "gauge", text, int(not self._failing))
        text = "Since when the configuration is in effect, in seconds since the epoch."
        yield Sample("tailgate_config_last_reload_success_timestamp_seconds", "gauge", text, self._since / 1e9)


def _said(config: Configuration) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a configuration amounts to: its content, and that of the keys and certificates that it names."""
    return config.hash, contents(set(config.files) - set(config.sources))

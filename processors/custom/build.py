"""The block `custom`, and how it becomes a stage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...rules.durations import Duration, format_duration
from ..base import BuildContext, ProcessorSpec
from ..remote import Remote
from .process import Settings, check_settings
from .stage import CustomStage, StageSettings

MIB = 1 << 20
SECOND = 1_000_000_000
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class CustomConfig(BaseModel):
    """The block `custom`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: str
    """The class, as `package.module:Class`."""
    options: dict[str, Any] = {}
    """Given to the class."""
    on_error: Literal["pass", "drop", "refuse"] = "drop"
    timeout: Annotated[Duration, Field(gt=0)] = 2 * SECOND
    """Of a call."""
    start_timeout: Annotated[Duration, Field(gt=0)] = 10 * SECOND
    memory_limit_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 256
    """What the processor may take beyond an idle worker."""
    queue_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 16
    """What may wait for it."""

    @field_validator("module")
    @classmethod
    def _is_there(cls, module: str) -> str:
        """Look for the outermost package without importing it: that is left to a worker."""
        if not _MODULE.fullmatch(module):
            raise ValueError(f"{module!r} names no class: expected package.module:Class")
        name = re.split("[.:]", module, maxsplit=1)[0]
        if PathFinder.find_spec(name) is None:
            raise ValueError(f"there is no module {name!r}: expected one that is installed, or on PYTHONPATH")
        return module


def build(config: CustomConfig, context: BuildContext) -> Remote:
    """Return the stage. Raises ValueError when the processor cannot be made; that is tried in a worker."""
    worker = Settings(
        module=config.module,
        options=config.options,
        timeout=config.timeout / SECOND,
        start_timeout=config.start_timeout / SECOND,
        memory_bytes=config.memory_limit_mib * MIB,
    )
    check_settings(worker)
    settings = StageSettings(worker, config.on_error, config.queue_mib * MIB)
    return Remote(CustomStage(context.id, context.pipeline, settings))


def plan(config: CustomConfig) -> Iterator[str]:
    """Yield what it does in sentences."""
    yield f"hands spans to {config.module}, in a process of its own"
    fate = {"pass": "go on unchanged", "drop": "are dropped", "refuse": "are refused, and the sender tries again"}
    limit = format_duration(config.timeout)
    yield f"where it fails or takes longer than {limit}, they {fate[config.on_error]}"


SPEC = ProcessorSpec("custom", CustomConfig, build, plan=plan)

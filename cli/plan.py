"""`tailgate plan`: what a configuration does, in plain sentences and in the order of effect."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from ..config.loader import ConfigErrors, load, shipped_paths
from ..config.model import Component, Configuration, PipelineConfig
from ..kernel import KernelUnavailable
from ..kernel import load as load_kernel
from ..pipeline import Service
from ..processors.base import ProcessorSpec
from .options import add_config_option
from .tables import TABLES
from .terminal import Paint

_NARROWEST, _WIDEST = 60, 120


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "plan",
        help="say in plain sentences what a configuration does, in the order of effect",
        description="Say in plain sentences what a configuration does, in the order of effect.",
        epilog="example: tailgate plan --config sampling.yaml",
    )
    add_config_option(parser, "without it the shipped configuration is described")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Describe; 0 when the configuration is valid, else 1."""
    try:
        config = load(args.config or shipped_paths(os.environ), TABLES, os.environ, args.lenient)
        Service(config, load_kernel())
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    except (OSError, ValueError, KernelUnavailable) as error:
        print(f"{', '.join(args.config)}: {error}", file=sys.stderr)
        return 1
    width = min(_WIDEST, max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns))
    print("\n".join(wrapped(sentences(config), width, Paint())))
    return 0


def sentences(config: Configuration) -> Iterator[str]:
    """Yield what each pipeline does, a sentence a line, indented by what it belongs to; a pipeline begins a line."""
    for pipeline in config.pipelines.values():
        ends = (*pipeline.exporters, *pipeline.connectors)
        yield f"{pipeline.id}: from {_and((*pipeline.receivers, *pipeline.sources))} to {_and(ends)}"
        yield from _steps(config, pipeline)


def _steps(config: Configuration, pipeline: PipelineConfig) -> Iterator[str]:
    if not pipeline.processors:
        yield "  everything goes on as it came"
    for number, id_ in enumerate(pipeline.processors, 1):
        lines = list(_of(config.processors[id_]))
        yield f"  {number}. {id_}" + (f" {lines[0]}" if lines else "")
        for line in lines[1:]:
            yield f"     {line}"
    for id_ in pipeline.connectors:
        connector = config.connectors[id_]
        for line in connector.spec.plan(connector.config) if connector.spec.plan is not None else ():
            yield f"  {id_} {line}"


def _of(component: Component[ProcessorSpec]) -> Iterable[str]:
    return component.spec.plan(component.config) if component.spec.plan is not None else ()


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def wrapped(lines: Iterable[str], width: int, paint: Paint) -> Iterator[str]:
    """Yield lines that fit; what is continued is indented by two more."""
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        if not indent:
            yield paint("bold", line)
            continue
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent + "   ", break_long_words=False, break_on_hyphens=False
        )

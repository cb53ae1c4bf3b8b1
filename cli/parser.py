"""The parser of the command line, which says of a word that it does not know what may have been meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ..rules.suggest import did_you_mean


class Parser(argparse.ArgumentParser):
    """Refuses what it does not know under its own usage; its subcommands do, too."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """Return what was understood. Ends the process with 2 for anything else."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown[0])}")
        return parsed, []

    def _meant(self, word: str) -> str:
        options = self._option_string_actions
        if word.startswith("-"):
            return did_you_mean(word.partition("=")[0], options)
        return f"; a file is given as --config {word}" if "--config" in options else ""

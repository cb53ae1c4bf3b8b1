"""Receivers: they take bytes, ask for admission, answer."""

from __future__ import annotations

from . import otlp
from .base import ReceiverSpec

RECEIVERS: tuple[ReceiverSpec, ...] = (otlp.SPEC,)
"""Every receiver there is, in the order in which they are listed to people."""

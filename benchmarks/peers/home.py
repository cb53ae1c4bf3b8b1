"""The folder outside of the repository where peers are built: TAILGATE_PEERS, or ~/.cache/tailgate-peers."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder of the peers, created if need be."""
    folder = Path(os.environ.get("TAILGATE_PEERS") or Path.home() / ".cache" / "tailgate-peers")
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""What is said when an address cannot be listened on."""

from __future__ import annotations

import errno
import os
import socket


def cannot_listen(where: str, address: str, error: OSError) -> OSError:
    """Return what to raise: `where` it is configured, the address (`host:port`), and the system's reason in words."""
    number = error.errno or 0
    reason = error.strerror if isinstance(error, socket.gaierror) or number <= 0 else os.strerror(number)
    mend = "; another process listens there: end it, or configure another port" if number == errno.EADDRINUSE else ""
    return OSError(f"{where}: cannot listen on {address}: {reason or error}{mend}")

"""Cross-origin requests: which browsers' pages may send spans, and what their preflight questions are told."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .config import CorsConfig

ALWAYS_ALLOWED = ("accept", "content-type", "x-requested-with")


class Cors:
    """The answers of one configuration; without one, no page of another origin may send."""

    def __init__(self, config: CorsConfig | None) -> None:
        self._config = config or CorsConfig()
        patterns = (re.escape(origin).replace(r"\*", ".*") for origin in self._config.allowed_origins)
        self._origins = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
        self._headers = {name.lower() for name in (*ALWAYS_ALLOWED, *self._config.allowed_headers)}

    def is_preflight(self, method: str, headers: Mapping[str, str]) -> bool:
        """Return whether a request only asks for permission."""
        asks = method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers
        return asks and bool(self._origins)

    def headers(self, request: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the answer to a request (none without an allowed `Origin`)."""
        origin = request.get("Origin")
        if origin is None or not any(pattern.fullmatch(origin) for pattern in self._origins):
            return {"Vary": "Origin"} if self._origins else {}
        allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}
        if self._config.exposed_headers:
            allowed["Access-Control-Expose-Headers"] = ", ".join(self._config.exposed_headers)
        return allowed

    def preflight(self, request: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of the answer to a preflight; one that is refused gets no permission in them."""
        allowed = self.headers(request)
        wanted = [name.strip().lower() for name in request.get("Access-Control-Request-Headers", "").split(",")]
        wanted = [name for name in wanted if name]
        refused = not ("*" in self._headers or self._headers.issuperset(wanted))
        if len(allowed) < 2 or refused or request.get("Access-Control-Request-Method") != "POST":
            return {"Vary": "Origin"}
        allowed["Access-Control-Allow-Methods"] = "POST"
        if wanted:
            allowed["Access-Control-Allow-Headers"] = ", ".join(wanted)
        if self._config.max_age:
            allowed["Access-Control-Max-Age"] = str(self._config.max_age)
        return allowed

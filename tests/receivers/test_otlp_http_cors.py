"""CORS: which pages may send spans out of a browser."""

from __future__ import annotations

from typing import Any

CORS = {"allowed_origins": ["https://*.example.com"], "allowed_headers": ["X-Api"], "max_age": 600}


def preflight(served: Any, origin: str, headers: str = "", method: str = "POST") -> dict[str, str]:
    sent = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    status, answer, body = served.request("OPTIONS", "/v1/traces", None, sent)
    assert (status, body) == (204, b"")
    return {name: value for name, value in answer.items() if name.startswith("access-control")}


def test_cors(serve: Any, consumer: Any) -> None:
    """Guarantees: pages of allowed origins get permission, others none; real requests carry the origin back."""
    served = serve(http={"cors": CORS})
    assert preflight(served, "https://shop.example.com", "content-type, x-api") == {
        "access-control-allow-origin": "https://shop.example.com",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type, x-api",
        "access-control-max-age": "600",
    }
    assert preflight(served, "https://shop.example.com.evil.net") == {}
    assert preflight(served, "https://shop.example.com", "x-other") == {}
    assert preflight(served, "https://shop.example.com", method="DELETE") == {}
    assert not consumer.admitted
    headers = served.post(b"", {"Origin": "https://shop.example.com"})[1]
    assert headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "access-control-allow-origin" not in served.post(b"", {"Origin": "https://evil.net"})[1]


def test_any_header_by_cors(serve: Any) -> None:
    served = serve(http={"cors": {"allowed_origins": ["*"], "allowed_headers": ["*"]}})
    assert preflight(served, "http://a", "x-y")["access-control-allow-headers"] == "x-y"

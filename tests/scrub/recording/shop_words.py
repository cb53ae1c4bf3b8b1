"""What the recorded applications talk about: identifiers of every kind that is no personal data and no secret."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import uuid

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE62 = string.digits + string.ascii_letters
CALM = "bcdfghjklmnpqrstvwxz2456789"
"""The alphabet of Kubernetes' generated names."""
NOUNS = [
    "order",
    "cart",
    "basket",
    "parcel",
    "invoice",
    "shipment",
    "product",
    "price",
    "stock",
    "refund",
    "label",
    "queue",
    "index",
    "batch",
    "report",
]
WORDS = [
    "retry",
    "budget",
    "exhausted",
    "while",
    "draining",
    "partition",
    "leader",
    "election",
    "lost",
    "lease",
    "renewed",
    "replica",
    "lagging",
    "behind",
    "snapshot",
    "compaction",
    "finished",
    "segment",
    "rolled",
    "offset",
    "committed",
    "checkpoint",
    "written",
    "cache",
    "warmed",
    "connection",
    "recycled",
    "pool",
    "grown",
]
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "kube-probe/1.31",
    "curl/8.11.0",
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "Prometheus/3.0.1",
)


class Shop:
    """Draws identifiers with a random source of its own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def hex(self, length: int) -> str:
        return f"{self.random.getrandbits(4 * length):0{length}x}"

    def digits(self, low: int, high: int) -> str:
        length = self.random.randint(low, high)
        return str(self.random.randint(10 ** (length - 1), 10**length - 1))

    def of(self, alphabet: str, length: int) -> str:
        return "".join(self.random.choices(alphabet, k=length))

    def pick(self, *things: str) -> str:
        return self.random.choice(things)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def ulid(self) -> str:
        return "01J" + self.of(CROCKFORD, 23)

    def order(self) -> str:
        kind = self.random.randrange(5)
        if kind == 0:
            return f"ORD-2026-{self.random.randint(1, 12):02}-{self.digits(6, 7)}"
        if kind == 1:
            return self.digits(5, 12)
        if kind == 2:
            return self.snowflake()
        return self.ulid() if kind == 3 else self.uuid()

    def snowflake(self) -> str:
        return str(self.random.randint(1 << 59, 1 << 61))

    def sku(self) -> str:
        return f"{self.of(string.ascii_uppercase, 3)}-{self.digits(4, 6)}-{self.pick('S', 'M', 'L', 'XL')}"

    def pod(self) -> str:
        return f"{self.pick(*NOUNS)}-{self.of(CALM, 10)}-{self.of(CALM, 5)}"

    def sha(self) -> str:
        return hashlib.sha1(self.random.randbytes(8), usedforsecurity=False).hexdigest()

    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.random.randbytes(8)).hexdigest()

    def version(self) -> str:
        numbers = ".".join(str(self.random.randint(0, 30)) for _ in range(3))
        return numbers + self.pick("", "", "-rc.1", f"+build.{self.digits(3, 5)}", f"-{self.hex(7)}", "-SNAPSHOT")

    def image(self) -> str:
        return f"registry.shop.svc.cluster.local:5000/shop/{self.pick(*NOUNS)}:{self.version()}".replace("+", "_")

    def etag(self) -> str:
        return self.pick(f'W/"{self.hex(16)}:0"', f'"{self.hex(32)}"', f'"{self.hex(8)}-{self.hex(5)}"')

    def cursor(self) -> str:
        return base64.urlsafe_b64encode(f'{{"after":{self.digits(5, 9)},"n":50}}'.encode()).decode()

    def path(self) -> str:
        deep = "/".join(self.pick(*NOUNS) for _ in range(self.random.randint(1, 4)))
        return f"/var/lib/shop/{deep}/{self.hex(8)}.{self.pick('json', 'parquet', 'log.gz', 'pb', 'tmp')}"

    def private(self) -> str:
        low = self.random.randint
        return self.pick(f"10.{low(0, 255)}.{low(0, 255)}.{low(1, 254)}", f"192.168.{low(0, 9)}.{low(1, 254)}")

    def epoch(self) -> str:
        seconds = self.random.randint(1_700_000_000, 1_800_000_000)
        return str(seconds * 10 ** self.pick_power() + self.random.randrange(10**3))

    def pick_power(self) -> int:
        return self.random.choice((0, 3, 6, 9))

    def time(self) -> str:
        low = self.random.randint
        stamp = f"2026-{low(1, 12):02}-{low(1, 28):02}T{low(0, 23):02}:{low(0, 59):02}:{low(0, 59):02}"
        return stamp + self.pick("Z", f".{low(0, 999):03}Z", f".{low(0, 999_999_999):09}Z", "+00:00", "+01:00")

    def money(self) -> str:
        return f"{self.random.randint(0, 4999)}.{self.random.randint(0, 99):02}"

    def phrase(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(3, 8)))

    def item(self) -> dict[str, object]:
        """A product as services pass it on."""
        return {
            "sku": self.sku(),
            "id": self.order(),
            "price": float(self.money()),
            "updated": self.time(),
            "etag": self.etag(),
            "rev": self.sha(),
            "stock": {"warehouse": f"wh-{self.digits(2, 3)}", "at": self.epoch(), "count": self.random.randint(0, 999)},
        }

"""Values that look like something to scrub and are not: made from their definitions, a generator for each kind.

Nothing is taken out because it happens to pass a check: some of the decimal identifiers do have a right check digit.
"""

# ruff: noqa: E501 -- an example is not cut in two
from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections.abc import Callable

from labelled import ALNUM, B64URL, DIGITS, HEX, LOWER, UPPER, chars

Look = Callable[[random.Random], str]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CALM = "bcdfghjklmnpqrstvwxz2456789"
EPOCH = 1_700_000_000


def epoch(power: int) -> Look:
    """Return what draws a time since 1970 in units of 10**-power seconds."""
    return lambda random: str((EPOCH + random.randrange(10**8)) * 10**power + random.randrange(10**power))


def decimal(low: int, high: int) -> Look:
    """Return what draws a number of so many digits, at random."""
    return lambda random: str(random.randint(10 ** (low - 1), 10 ** random.randint(low, high) - 1))


def hexadecimal(*lengths: int) -> Look:
    return lambda random: chars(random, HEX, random.choice(lengths))


def of(template: str, **parts: Look) -> Look:
    """Return what draws a text by a template whose fields are drawn by others."""
    return lambda random: template.format(**{name: draw(random) for name, draw in parts.items()})


def pick(*texts: str) -> Look:
    return lambda random: random.choice(texts)


def uuids(random: random.Random) -> str:
    value = str(uuid.UUID(int=random.getrandbits(128), version=random.choice([1, 4, 5])))
    return random.choice([value, value.upper(), value.replace("-", ""), f"{{{value}}}", f"urn:uuid:{value}"])


def private_ipv4(random: random.Random) -> str:
    octet = random.randrange
    return random.choice([
        f"10.{octet(256)}.{octet(256)}.{octet(1, 255)}", f"192.168.{octet(256)}.{octet(1, 255)}",
        f"172.{octet(16, 32)}.{octet(256)}.{octet(1, 255)}", f"127.0.0.{octet(1, 255)}",
        f"169.254.{octet(256)}.{octet(1, 255)}",
        f"100.{octet(64, 128)}.{octet(256)}.{octet(1, 255)}", "0.0.0.0", "255.255.255.255", f"224.0.0.{octet(1, 255)}",
    ])  # fmt: skip


def private_ipv6(random: random.Random) -> str:
    part = chars(random, HEX, 4)
    return random.choice(
        [
            "::1",
            "::",
            f"fe80::{part}:ff:fe00:1",
            f"fd{part[:2]}:{part}::{part[:3]}1",
            "ff02::1",
            f"fe80::1%eth{part[0]}",
        ]
    )


def version(random: random.Random) -> str:
    numbers = ".".join(str(random.randint(0, 40)) for _ in range(3))
    tail = random.choice(
        ["", "", "-rc.1", "-alpha.12", f"+build.{random.randint(1, 9999)}", f"-{chars(random, HEX, 7)}", "-SNAPSHOT"]
    )
    return random.choice(["", "v"]) + numbers + tail


def pod(random: random.Random) -> str:
    name = random.choice(
        ["checkout", "payment-gateway", "card-service", "user-api", "iban-check", "auth", "mail-worker"]
    )
    return f"{name}-{chars(random, CALM, random.choice([9, 10]))}-{chars(random, CALM, 5)}"


def image(random: random.Random) -> str:
    name = random.choice(
        ["registry.example.com:5000/shop/checkout", "ghcr.io/shop/mail", "docker.io/library/redis", "quay.io/a/b"]
    )
    return random.choice([f"{name}:{version(random)}", f"{name}@sha256:{chars(random, HEX, 64)}"])


def package(random: random.Random) -> str:
    name = random.choice(
        [
            "react-dom",
            "@babel/core",
            "lodash",
            "left-pad",
            "github.com/a/b",
            "golang.org/x/net",
            "@types/node",
            "requests",
        ]
    )
    return f"{name}@{version(random)}"


def at_signs(random: random.Random) -> str:
    return random.choice([
        f"logo@{random.randint(2, 3)}x.png", "git@github.com:shop/checkout.git", "ssh://git@git.internal/shop.git",
        "app@db-0",
        f"rabbit@broker-{random.randint(0, 9)}.broker.shop.svc.cluster.local",
        f"java.lang.Object@{chars(random, HEX, 8)}",
        "celery@worker-1", "@Transactional", "user@host",
        f"com.shop.Order@{chars(random, HEX, 7)}[id={random.randint(1, 999)}]",
        "@media (min-width: 40em)", "a@b", "%h@%d", f"job@{random.randint(1, 99)}", "$1@$2", "root@localhost",
        "@app.route",
        f"kafka@{version(random)}", f"deploy@{chars(random, HEX, 40)}", "systemd-fsck@dev-disk-by.service",
    ])  # fmt: skip


def sql(random: random.Random) -> str:
    return random.choice([
        f"SELECT id, password_hash FROM users WHERE email = $1 AND token = :token LIMIT {random.randint(1, 500)}",
        f"UPDATE cards SET state = 'blocked' WHERE id = {random.randint(1, 10**7)} AND pin = ?",
        f"SELECT * FROM t_{chars(random, HEX, 8)} WHERE at BETWEEN {EPOCH}000 AND {EPOCH + random.randrange(10**6)}000",
        f"INSERT INTO orders (id, sku, price) VALUES ({random.randint(1, 10**9)}, '{chars(random, UPPER, 3)}-{random.randint(1, 9999)}', 12.50)",
        "CREATE TABLE secrets (api_key varchar(64) NOT NULL, password text, ssn char(11))",
        "ALTER TABLE users ADD COLUMN phone varchar(32), ADD COLUMN card_number varchar(19)",
        f"SELECT x'{chars(random, HEX, 32)}' AS digest, 0x{chars(random, HEX, 16)} AS mask",
        "SELECT password FROM users WHERE secret IS NULL AND token <> ''", "BEGIN; COMMIT", "VACUUM (ANALYZE) tokens",
    ])  # fmt: skip


def prose(random: random.Random) -> str:
    return random.choice([
        "password: required", "token expired", "the secret is missing", "invalid api key",
        "Basic authentication is disabled",
        "bearer authentication failed", "authorization: denied by policy", "cookie consent was given",
        "no token in request",
        "password reset requested", f"password must have at least {random.randint(8, 20)} characters",
        "credentials not found",
        "secret shop/db-credentials is mounted", "token_type=refresh is not supported", "Bearer token is malformed",
        f"login failed: password check took {random.randint(1, 99)} ms", "set password=<your password here>",
        "secret: null",
        f"card ending in {random.randint(0, 9999):04}", f"phone verification step {random.randint(1, 5)} of 5",
        "password=****",
        f"{random.randint(1, 99)} tokens used, {random.randint(1, 999)} left", "api_key=${API_KEY}",
        "IBAN is not valid",
        "SSN must have nine digits", f"routing to shard number {random.randint(1, 99)}",
        "password=password, token=get_token()",
    ])  # fmt: skip


def stack(random: random.Random) -> str:
    line = random.randint(1, 2000)
    return random.choice([
        f"\tat org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:{line})",
        f'  File "/usr/lib/python3.11/site-packages/sqlalchemy/engine/base.py", line {line}, in _execute_context',
        f"main.(*Server).handle(0xc000{chars(random, HEX, 6)}, {{0x{chars(random, HEX, 7)}, 0x{chars(random, HEX, 2)}}})",
        f"\t/go/pkg/mod/google.golang.org/grpc@{version(random)}/server.go:{line} +0x{chars(random, HEX, 3)}",
        f"    at Object.<anonymous> (/app/node_modules/express/lib/router/layer.js:{line}:{random.randint(1, 99)})",
        f"   at Shop.Api.Orders.<Create>d__{line}.MoveNext() in /src/Orders.cs:line {line}",
        f"  {random.randint(1, 99)}: core::ops::function::FnOnce::call_once::h{chars(random, HEX, 16)}",
        f"panic: runtime error: index out of range [{line}] with length {line}",
    ])  # fmt: skip


def phones_not(random: random.Random) -> str:
    return random.choice([
        f"+{random.randint(1, 999)} more", f"a+{random.randint(1, 10**6)}", f"UTC+0{random.randint(1, 9)}:00",
        f"1.5e+{random.randint(1, 300)}",
        f"main.main+0x{chars(random, HEX, 3)}", f"+{random.randint(1, 99)}.{random.randint(0, 99):02} %",
        f"+{random.randint(1, 400)}ms",
        f"2026-11-20T23:43:40+0{random.randint(0, 9)}:00", f"+++ {random.randint(1, 99)} lines",
        f"c++{random.choice(['17', '20', '23'])}",
        f"{random.randint(100, 999)}-{random.randint(1000, 9999)}",
        f"@@ -{random.randint(1, 99)},7 +{random.randint(1, 999)},9 @@",
        f"+{random.randint(1, 9)}/-{random.randint(1, 9)}", f"x+{random.randint(100, 999)}+{random.randint(100, 999)}",
    ])  # fmt: skip


def bad_check(random: random.Random) -> str:
    """Return what has the shape of an account or card and a wrong check digit, or of an SSN that was never issued."""
    account = f"{random.choice(['DE', 'FR', 'GB', 'NL'])}00{chars(random, DIGITS, 18)}"
    return random.choice([
        account, f"{random.choice([0, 666, random.randint(900, 999)]):03}-{random.randint(1, 99):02}-{random.randint(1, 9999):04}",
        f"{random.randint(1, 665):03}-00-{random.randint(1, 9999):04}",
        f"{random.randint(1, 665):03}-{random.randint(1, 99):02}-0000",
        f"0{chars(random, DIGITS, 15)}", "1" * 16, "0" * 16, f"9{chars(random, DIGITS, 15)}",
        f"ZZ{chars(random, DIGITS, 20)}",
    ])  # fmt: skip


def hexdump(random: random.Random) -> str:
    octets = [chars(random, HEX, 2) for _ in range(16)]
    text = "".join(c if c.isalnum() else "." for c in chars(random, ALNUM + "....", 16))
    return f"{random.randrange(0, 4096, 16):08x}  {' '.join(octets[:8])}  {' '.join(octets[8:])}  |{text}|"


def fingerprint(random: random.Random) -> str:
    octets = [chars(random, HEX, 2).upper() for _ in range(random.choice([16, 20, 32]))]
    return random.choice([":".join(octets), f"SHA256:{base64.b64encode(random.randbytes(32)).decode().rstrip('=')}"])


def encoded(random: random.Random) -> str:
    image = base64.b64encode(
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + random.randbytes(random.randint(60, 300))
    ).decode()
    return random.choice([f"data:image/png;base64,{image}", image, base64.b64encode(random.randbytes(48)).decode(),
                          base64.urlsafe_b64encode(b'{"after":%d,"n":50}' % random.randrange(10**9)).decode()])  # fmt: skip


def etag(random: random.Random) -> str:
    return random.choice([f'W/"{chars(random, HEX, 16)}:0"', f'"{chars(random, HEX, 32)}"', f'"{chars(random, HEX, 8)}-{chars(random, HEX, 5)}"',
                          f'"{hashlib.md5(random.randbytes(4), usedforsecurity=False).hexdigest()}-{random.randint(1, 20)}"'])  # fmt: skip


def path(random: random.Random) -> str:
    return random.choice([
        f"/var/lib/kubelet/pods/{uuid.UUID(int=random.getrandbits(128), version=4)}/volumes/kubernetes.io~projected/kube-api-access-{chars(random, CALM, 5)}",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        f"/data/{random.randint(2000, 2030)}/{random.randint(1, 12):02}/part-{random.randint(0, 99999):05}-{chars(random, HEX, 8)}.snappy.parquet",
        f"C:\\Users\\app\\AppData\\Local\\Temp\\{chars(random, ALNUM, 8)}.tmp",
        f"s3://shop-exports/year=2026/month=11/{chars(random, HEX, 32)}.gz",
        f"/api/v1/namespaces/shop/pods/{pod(random)}/log",
        f"/proc/{random.randint(1, 99999)}/fd/{random.randint(0, 255)}", "/etc/ssl/private/server.key",
        f"/orders/{random.randint(1, 10**9)}/items/{random.randint(1, 99)}?page={random.randint(1, 50)}&sort_key=name&page_token=CAUQAA",
    ])  # fmt: skip


def agents(random: random.Random) -> str:
    number = random.randint(90, 140)
    return random.choice([
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{number}.0.0.0 Safari/537.36",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0",
        f"kube-probe/1.{number % 33}",
        f"python-requests/2.{number % 33}.{number % 7}", f"aws-sdk-go/1.44.{number} (go1.23.2; linux; amd64)",
        f"Go-http-client/{number % 3}.1",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_{number % 6} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ])  # fmt: skip


def cloud(random: random.Random) -> str:
    account = chars(random, DIGITS, 12)
    return random.choice([
        f"arn:aws:iam::{account}:role/eks-{chars(random, LOWER, 6)}", f"i-0{chars(random, HEX, 16)}",
        f"vpc-{chars(random, HEX, 17)}", account,
        f"projects/{account}/locations/europe-west1/clusters/shop",
        f"/subscriptions/{uuid.UUID(int=random.getrandbits(128), version=4)}/resourceGroups/shop",
        f"ip-10-{random.randint(0, 255)}-{random.randint(0, 255)}-{random.randint(1, 254)}.eu-central-1.compute.internal", "eu-central-1b",
        f"https://sqs.eu-central-1.amazonaws.com/{account}/orders",
        f"https://{chars(random, LOWER + DIGITS, 10)}.execute-api.eu-west-1.amazonaws.com/prod",
    ])  # fmt: skip


def times(random: random.Random) -> str:
    low = random.randint
    date, clock = f"20{low(10, 30)}-{low(1, 12):02}-{low(1, 28):02}", f"{low(0, 23):02}:{low(0, 59):02}:{low(0, 59):02}"
    return random.choice([f"{date}T{clock}.{low(0, 999999999):09}Z", f"{date} {clock}",
    date, clock, f"{date.replace('-', '')}T{clock.replace(':', '')}Z",
                          f"Fri, {low(1, 28):02} Nov 2026 {clock} GMT", f"{date}T{clock}+02:00",
                          f"P{low(1, 30)}DT{low(1, 23)}H", date.replace("-", ".")])  # fmt: skip


def semantic(random: random.Random) -> str:
    return random.choice([
        str(random.randint(100, 599)), str(random.randint(1, 65535)), "GET", "HTTP/1.1", "1.1", "ipv4", "tcp",
        "kafka", "orders.v1", "true",
        f"{random.random():.6f}", f"{random.randint(0, 10**6)}.{random.randint(0, 99):02}", "SELECT", "postgresql",
        "UNAVAILABLE", "grpc", "shop.internal:8443",
        f"localhost:{random.randint(1, 65535)}", f"db-{random.randint(0, 9)}.db.shop.svc.cluster.local",
        "opentelemetry", "OK", "none", "[]", "{}",
        "https://opentelemetry.io/schemas/1.37.0", "text/html; charset=utf-8", "gzip, deflate, br",
        "max-age=31536000; includeSubDomains", "en-US,en;q=0.9",
    ])  # fmt: skip


def placeholders(random: random.Random) -> str:
    return random.choice([
        '{"password": null, "token": ""}', '{"password":"***","token":"[REDACTED]"}', "password=$DB_PASSWORD",
        "token={{ .Values.token }}", "--password-file=/run/p",
        "secretKeyRef: {name: db, key: password}", "password: ${env:DB_PASSWORD}", "api_key=<redacted>",
        '{"type":"string","format":"password"}', "token=%s",
        "Authorization: Bearer ${TOKEN}", '{"token_count": 512, "max_tokens": 4096}', "password_policy=strict",
        "next_token=", "secret_name=db-credentials",
        "keyboard=qwertz", "monkey=banana", "passenger=12A", "tokenizer=cl100k_base", "pinned=true",
        "pinned_version=1.2.3", "author=shop",
    ])  # fmt: skip


def misc(random: random.Random) -> str:
    return random.choice([
        f"{random.randint(-90, 90)}.{chars(random, DIGITS, 13)}",
        f"{random.randint(0, 9)}.{chars(random, DIGITS, 16)}", f"1:{chars(random, HEX, 24)}:{chars(random, HEX, 16)}",
        f"00-{chars(random, HEX, 32)}-{chars(random, HEX, 16)}-01",
        f"Root=1-{chars(random, HEX, 8)}-{chars(random, HEX, 24)}", "0 */5 * * *",
        f"ISBN 978-{random.randint(0, 9)}-{chars(random, DIGITS, 2)}-{chars(random, DIGITS, 6)}-{random.randint(0, 9)}", f"#{chars(random, HEX, 6)}", "12:34:56:78",
        f"{chars(random, HEX, 8)}:{chars(random, HEX, 4)}", f"std::vector<std::string>::at({random.randint(1, 99)})",
        "a::b::c", "Foo::Bar::baz", "::before", f"{random.randint(1, 9)}::{random.randint(1, 9)}",
        f"GTIN {chars(random, DIGITS, 13)}", f"tracking {chars(random, UPPER, 2)}{chars(random, DIGITS, 9)}DE",
        f"SKU{chars(random, DIGITS, 8)}", "eyJust.some.words", "sk-learn", "hf_hub",
        f"{random.randint(1, 255)}.{random.randint(0, 255)}.{random.randint(0, 255)}", "AKIA", "ghp_", "xoxb",
        "key-value-store", "pat-tern", "SG.1", "1.0.0.0", "npm_config_cache",
    ])  # fmt: skip


LOOKALIKES: dict[str, tuple[str, Look]] = {
    # what it is -> the attribute's key, and what draws it
    "trace id": ("trace_id", hexadecimal(32)),
    "span id": ("span_id", hexadecimal(16)),
    "epoch time, s": ("created", epoch(0)),
    "epoch time, ms": ("created_ms", epoch(3)),
    "epoch time, us": ("created_us", epoch(6)),
    "epoch time, ns": ("created_ns", epoch(9)),
    "UUID": ("request.id", uuids),
    "ULID": ("event.id", lambda random: "01J" + chars(random, CROCKFORD, 23)),
    "KSUID, nanoid": ("job.id", lambda random: chars(random, *random.choice([(ALNUM, 27), (B64URL, 21)]))),
    "object id": ("document.id", hexadecimal(24)),
    "pod name": ("k8s.pod.name", pod),
    "image": ("container.image.name", image),
    "container id": ("container.id", hexadecimal(64)),
    "git hash": ("vcs.ref.head.revision", hexadecimal(7, 8, 40)),
    "version": ("service.version", version),
    "package": ("library", package),
    "at sign": ("note", at_signs),
    "order number, 5 to 12 digits": ("order.id", decimal(5, 12)),
    "order number with words": ("order.ref", of("ORD-2026-{n}", n=decimal(5, 8))),
    "private IPv4 address": ("network.peer.address", private_ipv4),
    "private IPv6 address": ("network.local.address", private_ipv6),
    "host and port": ("server.address", of("{a}:{p}", a=private_ipv4, p=decimal(2, 4))),
    "semantic convention": ("value", semantic),
    "stack trace": ("exception.stacktrace", stack),
    "SQL": ("db.query.text", sql),
    "prose about secrets": ("exception.message", prose),
    "placeholder": ("config", placeholders),
    "file path, URL path": ("url.path", path),
    "ETag": ("http.response.header.etag", etag),
    "hex dump": ("dump", hexdump),
    "fingerprint": ("tls.client.hash", fingerprint),
    "base64": ("payload", encoded),
    "user agent": ("user_agent.original", agents),
    "cloud resource": ("cloud.resource_id", cloud),
    "date and time": ("at", times),
    "plus sign": ("note", phones_not),
    "wrong check digit, never issued": ("reference", bad_check),
    "miscellaneous": ("note", misc),
}
DECIMAL = {
    "decimal id, 13 to 15 digits": ("order.id", decimal(13, 15)),
    "decimal id, 16 digits": ("order.id", decimal(16, 16)),
    "decimal id, 17 to 19 digits (64 bits)": ("message.id", decimal(17, 19)),
}
"""Shown by themselves as well: one number in ten passes Luhn by chance, and some of these begin as cards do."""
EXAMPLES = 60

"""Names of secrets in code, configuration and help, where no secret follows; users of URLs; tokens of pages, keys of caches."""

from __future__ import annotations

import random

from labelled import ALNUM, HEX, chars

# ruff: noqa: E501 -- an example is not cut in two


def code(random: random.Random) -> str:
    """Return a line of a program."""
    return random.choice([
        'return nil, fmt.Errorf("failed to get access token: %w", err)', 'log.Warnf("cannot refresh token: %v", err)',
        "Password: string(conf.Password),", 'PrivateKey: string(secret.Data["privateKey"]),', "clientSecret: isSet(object.clientSecret) ? 1 : 0,",
        "message.cardCvv = reader.int32();", "newPassword: (!params.newPassword && 'required')", "func New(username string, password string, url string) error {",
        'printf("clientID: %s clientSecret: %s\\n", id, secret)', 'assert token == expected, "the token differs"', "auth_token: Optional[str] = None",
        f"const pageToken = response.nextPageToken; // line {random.randint(1, 999)}", "if (password !== confirm) { return }", "self.api_key = api_key",
    ])  # fmt: skip


def settings(random: random.Random) -> str:
    """Return a piece of a manifest, a workflow or a package file that names where a secret is."""
    minor = random.randint(0, 40)
    return random.choice([
        "clientSecret: $oidc.okta.clientSecret", "password: {{ .Values.redis.password | quote }}", "token: ${{ secrets.DEPLOY_TOKEN }}",
        "- -password=$(REDIS_PASSWORD)", f'"@acme/auth-token": "^6.{minor}.0",', f'"auth-token": "~{minor}.1.2"', '"node_modules/@acme/auth-token": {',
        "private_key: |", "client_secret: # from the console", "access_key: >-", '"secrets": ["db-credentials"]',
        '- curl -H "Authorization: Bearer $DEPLOY_TOKEN" $HOST/api', 'Authorization: Bearer {token}', "authorization: Bearer <token>",
        "AUTH_TOKEN=$(shopctl account token)", 'password: "{{ lookup(\'env\', \'DB_PASSWORD\') }}"', "git push https://x-access-token:${TOKEN}@github.com/a/b.git",
    ])  # fmt: skip


def usage(random: random.Random) -> str:
    """Return a line of a command's help or of a manual."""
    width = " " * random.randint(3, 20)
    return random.choice([
        f"      --password string{width}Password for basic authentication", f"      --auth-token string{width}Authentication token",
        f"      --generate-bearer-token{width}Generate authentication token", "set a username and password in the webhook configuration",
        "both username and password must be given", "`allowNativePasswords=false` disallows the old method", "where `<identity>:<hex-secret>`, is one line",
        "--password is deprecated", "pass --token to authenticate", "the --secret flag is required",
    ])  # fmt: skip


def opaque(random: random.Random) -> str:
    """Return what APIs call token or key, and is for the next page, a cache or a partition."""
    value = chars(random, ALNUM, 24, 40)
    return random.choice([
        f'"nextPageToken": "{value}"', f"page_token={value}", f"next_token = {value}", f'"continuationToken":"{value}"', f"cacheKey={chars(random, HEX, 32)}",
        f'cache_key: "{chars(random, HEX, 40)}"', f"partition_key={value}", f"sync_token: {value}", f'"publicKey": "{value}"', f"idempotencyKey = {value}",
        f"objectKey: uploads/2026/11/{chars(random, HEX, 12)}.png", f"key=shop/checkout-{chars(random, HEX, 9)}-x2{chars(random, HEX, 3)}",
    ])  # fmt: skip


def users(random: random.Random) -> str:
    """Return a URL with a user and no password, an actor system, an image."""
    host = f"worker-{random.randint(0, 99):02}"
    return random.choice([
        f"akka.tcp://jobSystem@{host}:{random.randint(1024, 65535)}/user/master", f"docker-pullable://alpine@sha256:{chars(random, HEX, 64)}",
        f"ssh://deploy@{host}:22/srv/repo", f"rpc://app@{host}/queue", "ssh://git@git.internal/shop.git",
    ])  # fmt: skip


CODE = {
    "code about secrets": ("exception.stacktrace", code),
    "where a secret is": ("config", settings),
    "help of a command": ("process.output", usage),
    "token of a page, key of a cache": ("note", opaque),
    "user of a URL": ("messaging.destination", users),
}
"""What it is -> the attribute's key, and what draws it."""

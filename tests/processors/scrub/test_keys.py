"""Key rules: whole values go by the name of their attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

SECRET_KEYS = {
    "password": "password user.password db_password dbPassword dbpassword PASSWORD db.passwd passphrase pwd password1 "
    "passwords.0 password_hash DB_PASS passcode",
    "secret": "secret client_secret clientSecret client.secret SECRET app.secrets secret_value",
    "token": "token auth.token access_token accessToken refresh-token id_token x-auth-token x-csrf-token session_token "
    "http.request.header.x-shop-token jwt PHPSESSID",
    "api_key": "api_key apiKey apikey x-api-key http.request.header.x-api-key private_key secret_access_key "
    "aws.access_key_id signing-key",
    "authorization": "authorization http.request.header.authorization http.request.header.proxy-authorization",
    "credentials": "credentials db.credentials aws_credentials",
    "cookie": "cookie http.request.header.cookie http.response.header.set-cookie http.request.header.cookie[0]",
    "card": "card_number cardNumber card.number payment.credit_card creditCard card.pan pan",
    "card_code": "cvv card.cvc cvv2 cardCvv",
    "bank_account": "iban customer.iban account_number bankAccount",
    "personal_id": "ssn user.ssn userSSN social_security_number socialSecurityNumber date_of_birth dob passport_number "
    "drivers_license",
    "phone": "phone user.phone phone_number phoneNumber msisdn",
    "code": "pin user.pin card_pin userPin otp mfa_code",
}

PLAIN_KEYS = """gen_ai.usage.input_tokens gen_ai.usage.output_tokens token_count gen_ai.latency.time_to_first_token
max_tokens cost_per_token token_type token.type page_token next_token continuation_token valid_token tokenizer
messaging.kafka.message.key cache.key partition_key sort_key primary_key idempotency_key aws.s3.key key monkey turkey
messaging.rabbitmq.destination.routing_key session.id user.id enduser.id account.id mapping shipping.address spinner
opinion pinned pinot japan company span shopping_cart k8s.secret.name aws.secretsmanager.secret.arn secretary
password_reset password.length passwordless passenger bypass compass authorization.decision author
spring.security.authorization.decision http.response.header.access-control-allow-credentials cookie_consent
cookies_enabled phone_model telephone_type cvs iban_count code.function.name http.status_code otpauth"""

ROWS = [(kind, key) for kind, keys in SECRET_KEYS.items() for key in keys.split()]


def one(key: str, value: AnyValue) -> ExportTraceServiceRequest:
    """Return a request with one span that has one attribute."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.attributes.add(key=key).value.CopyFrom(value)
    return request


def value_of(request: ExportTraceServiceRequest) -> AnyValue:
    """Return the value of the first attribute."""
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value


@pytest.mark.parametrize(("kind", "key"), ROWS)
def test_secret_keys(kind: str, key: str, scrubber: Callable[..., Any]) -> None:
    """A key that ends in the name of a secret, in any spelling, loses its value and is counted by that name."""
    subject = scrubber(fresh=True) if key == ROWS[0][1] else scrubber()
    out = subject.parsed(one(key, AnyValue(string_value="opaque")))
    assert value_of(out).string_value == f"[{kind.upper()}]"
    assert f"key:{kind}" in subject.counted()


@pytest.mark.parametrize("key", PLAIN_KEYS.split())
def test_plain_keys(key: str, scrubber: Callable[..., Any]) -> None:
    """Names that only contain the word stay."""
    request = one(key, AnyValue(string_value="opaque")).SerializeToString()
    assert scrubber().request(request) is request


@pytest.mark.parametrize(
    "value", [AnyValue(int_value=1234), AnyValue(bool_value=True), AnyValue(bytes_value=b"\xff"), AnyValue()]
)
def test_values_of_other_types(value: AnyValue, scrubber: Callable[..., Any]) -> None:
    """What is no string becomes one: the value is gone whatever its type."""
    assert value_of(scrubber().parsed(one("user.pin", value))) == AnyValue(string_value="[CODE]")


def test_arrays_and_maps(scrubber: Callable[..., Any]) -> None:
    """A header is an array: it goes as a whole. The keys of nested maps count like those of attributes."""
    array, nested = AnyValue(), AnyValue()
    array.array_value.values.add(string_value="sid=1")
    nested.kvlist_value.values.add(key="note").value.string_value = "x"
    nested.kvlist_value.values.add(key="clientSecret").value.string_value = "opaque"
    header = scrubber().parsed(one("http.request.header.cookie", array))
    assert value_of(header) == AnyValue(string_value="[COOKIE]")
    entries = value_of(scrubber().parsed(one("payload", nested))).kvlist_value.values
    assert [(entry.key, entry.value.string_value) for entry in entries] == [("note", "x"), ("clientSecret", "[SECRET]")]


def test_own_keys_go_first(scrubber: Callable[..., Any]) -> None:
    """A rule of one's own decides before the shipped ones, with its own action and name."""
    keys = [
        {"name": "internal", "pattern": r"^internal\.", "action": "drop"},
        {"pattern": "^password$", "action": "mask", "keep_last": 2},
        {"name": "note", "pattern": "^note$", "text": "gone"},
    ]
    subject = scrubber({"keys": keys}, fresh=True)
    dropped = subject.parsed(one("internal.password", AnyValue(string_value="opaque")))
    assert not dropped.resource_spans[0].scope_spans[0].spans[0].attributes
    assert value_of(subject.parsed(one("password", AnyValue(string_value="opaque")))).string_value == "****ue"
    assert value_of(subject.parsed(one("note", AnyValue(string_value="x")))).string_value == "gone"
    assert value_of(subject.parsed(one("api_key", AnyValue(string_value="x")))).string_value == "[API_KEY]"
    assert subject.counted() == {"key:internal": 1, "key:^password$": 1, "key:note": 1, "key:api_key": 1}


def test_default_keys_can_be_left_out(scrubber: Callable[..., Any]) -> None:
    """`default_keys: false` leaves the values to the detectors."""
    request = one("password", AnyValue(string_value="opaque")).SerializeToString()
    assert scrubber({"default_keys": False}).request(request) is request


def test_skip_keys(scrubber: Callable[..., Any]) -> None:
    """An attribute that matches `skip_keys` is left alone by key rules and detectors, one that does not is not."""
    subject = scrubber({"skip_keys": [r"^debug\.", "^support[.]email$"]})
    for key in ("debug.password", "support.email", "debug.x"):
        request = one(key, AnyValue(string_value="jane@example.com")).SerializeToString()
        assert subject.request(request) is request
    assert (
        value_of(subject.parsed(one("user.email", AnyValue(string_value="jane@example.com")))).string_value == "[EMAIL]"
    )

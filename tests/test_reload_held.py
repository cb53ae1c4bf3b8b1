"""Rules change while traces are held: what is held goes by the new ones, what was decided by the old."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest
from reloading import GOLD, ROW, Run, Running, rules
from services import SECOND, arrived, balanced, names, pipelines, spans
from tailgate.processors.tail_sampling.sampler import SLOW_SLICE


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda text: Running(tmp_path, text)


def test_held_traces_are_judged_by_the_new_rules(run: Run) -> None:
    """Scenario: the policy changes while traces are held. Guarantees: they stay, wait no longer, it decides."""
    running = run(rules(policies=GOLD, default="drop") + ROW)
    running.take((1, "a", {"tier": "gold"}), (2, "b", {"tier": "blue"}))
    running.clock.now += SECOND // 2
    running.reload(rules(policies='{name: blue, when: tier == "blue"}', default="drop") + ROW)
    assert running.pipeline.row.held()[:2] == (2, 2)
    running.clock.now += SECOND // 2
    running.pipeline.judge(running.clock.now)
    assert names(running.service) == ["b"]
    assert balanced(running.pipeline)


def test_spans_that_come_later_join_what_is_held(run: Run) -> None:
    """Guarantees: one trace, whole, one verdict, over a reload."""
    running = run(rules(policies=GOLD, default="drop") + ROW)
    running.take((1, "a", {}))
    running.reload(rules(policies=GOLD, default="1%") + ROW)
    running.take((1, "b", {"tier": "gold"}))
    running.judge()
    assert names(running.service) == ["a", "b"]


def test_no_verdict_changes_for_a_decided_trace(run: Run) -> None:
    """Scenario: rules turn around. Guarantees: late spans follow what was decided, with the labels of then."""
    running = run(rules(policies=GOLD, default="drop", retention="old") + ROW)
    running.take((1, "kept", {"tier": "gold"}), (2, "dropped", {}))
    running.judge()
    for retention in ("new", "newer"):
        running.reload(rules(policies="{name: other, when: exists(x)}", default="keep", retention=retention) + ROW)
    running.take((1, "late", {}), (2, "late too", {}), (3, "another", {}))
    running.judge()
    assert sorted(names(running.service)) == ["another", "kept", "late"]
    said = {}
    for sent in arrived(running.service):
        for block in sent.resource_spans:
            for span in (span for scope in block.scope_spans for span in scope.spans):
                attributes = {a.key: a.value.string_value for a in (*block.resource.attributes, *span.attributes)}
                said[span.name] = attributes["retention.policy"], attributes["tailgate.policy"]
    assert said == {"kept": ("old", "gold"), "late": ("old", "gold"), "another": ("newer", "default")}
    assert running.pipeline.dropped == {"not_sampled": 1, "late_not_sampled": 1}


@pytest.mark.parametrize("come_later", [False, True])
def test_new_scrubbing_reaches_what_is_held(run: Run, come_later: bool) -> None:
    """Law 4: a span that was held under rules without a scrubber never leaves with what the new ones take out."""
    running = run(rules() + ROW)
    running.take((1, "bob@example.com", {"card": "4111 1111 1111 1111", "password": "s3cr3t-passw0rd"}))
    running.reload(rules("packs: [pii, financial]") + ROW)
    if come_later:
        running.take((1, "eve@example.com", {}))
    running.judge()
    [sent] = running.service.exporters["memory"].requests  # type: ignore[attr-defined]
    for secret in (b"example.com", b"4111", b"s3cr3t"):
        assert secret not in sent
    assert len(names(running.service)) == 1 + come_later
    assert sum(v for k, v in running.metrics().items() if k.startswith("tailgate_scrubbed_total")) >= 3


def test_what_we_wrote_is_not_scrubbed_again(run: Run) -> None:
    """Scenario: a key rule with hmac is there before and after, another key and an unrelated rule come.

    Guarantees: the hash of a held value is that of the value, not of a hash.
    """
    key = "hmac: {key: '%s'}, keys: [{name: user, pattern: ^user$, action: hmac}], packs: [%s]"
    running = run(rules(key % ("a" * 32, "")) + ROW)
    running.take((1, "a", {"user": "bob", "mail": "bob@example.com"}))
    running.reload(rules(key % ("a" * 32, "pii")) + ROW)
    running.reload(rules(key % ("b" * 32, "pii")) + ROW)
    running.take((2, "b", {"user": "bob"}))
    running.judge()
    running.take((3, "c", {"user": "bob"}))
    fresh = run(rules(key % ("a" * 32, "")) + ROW)
    fresh.take((1, "a", {"user": "bob"}))
    fresh.judge()
    running.judge()
    users = {span.name: span.attributes[0].value.string_value for span in spans(running.service)}
    assert users["a"] == spans(fresh.service)[0].attributes[0].value.string_value
    assert users["b"] == users["c"] != users["a"]
    assert b"example.com" not in b"".join(running.service.exporters["memory"].requests)  # type: ignore[attr-defined]


def test_a_key_is_rotated(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scenario: a key; then a new one beside it; then the new one alone; then its file holds another one.

    Guarantees: digests are those of the keys in effect, those of the old key the same as before; nobody sees a key.
    """
    old, new, newest = "o" * 32, "n" * 40, "z" * 33
    for name, key in (("old", old), ("new", new)):
        (tmp_path / name).write_text(f"{key}\n")
    head = "packs: [], default_keys: false, keys: [{name: user, pattern: ^user$, action: hmac}], hmac: {length: 64, "
    both = f"key_file: {tmp_path / 'new'}, id: k2, previous: {{key_file: {tmp_path / 'old'}, id: k1}}}}"
    alone = f"key_file: {tmp_path / 'new'}, id: k2}}"
    seen = []
    running = run(rules(f"{head}key_file: {tmp_path / 'old'}, id: k1}}") + ROW)
    for number, text in enumerate((None, both, alone, alone), 1):
        if number == 4:
            (tmp_path / "new").write_text(newest)
        if text is not None:
            running.reload(rules(head + text) + ROW)
        running.take((number, f"span {number}", {"user": "bob"}))
        running.judge()
        span = next(one for one in spans(running.service) if one.name == f"span {number}")
        seen.append(span.attributes[0].value.string_value)
    digests = {key: hmac.new(key.encode(), b"bob", "sha256").hexdigest() for key in (old, new, newest)}
    assert seen == [
        f"k1:{digests[old]}",
        f"k2:{digests[new]},k1:{digests[old]}",
        f"k2:{digests[new]}",
        f"k2:{digests[newest]}",
    ]
    said = str(running.metrics()) + caplog.text + repr(running.service.config)
    said += b"".join(running.service.exporters["memory"].requests).decode("latin-1")  # type: ignore[attr-defined]
    for key in (old, new, newest):
        assert key not in said
        assert key.encode().hex() not in said


def test_slices_are_small_while_held_traces_are_walked_anew(run: Run) -> None:
    """Guarantees: receiving waits no longer for a slice than without a reload, and soon slices are whole again."""
    running = run(rules() + ROW)

    def slices() -> list[int]:
        out, more = [], True
        while more:
            before = len(names(running.service))
            more = running.pipeline.judge(running.clock.now)
            out.append(len(names(running.service)) - before)
        return out

    few = SLOW_SLICE
    for number, wanted in enumerate(([300], [few, few, 300 - 2 * few], [few, 300 - few], [300])):
        running.clock.now += 1
        running.take(*((1000 * number + n, "a", {}) for n in range(300)))
        if number == 1:
            running.reload(rules("packs: [pii]") + ROW)
        running.clock.now += SECOND
        assert slices() == wanted


def test_enrichment_is_not_redone(run: Run) -> None:
    """Scenario: an attribute is added from now on. Guarantees: what is held came before that."""
    row = pipelines("attributes, tail_sampling")
    text = rules() + "  \n"
    add = text.replace("processors:", "processors:\n  attributes: {actions: [{key: k, value: v, action: insert}]}")
    other = add.replace("value: v", "value: w")
    running = run(add + row)
    running.take((1, "a", {}))
    running.reload(other + row)
    running.take((2, "b", {}))
    running.judge()
    values = {s.name: [a.value.string_value for a in s.attributes if a.key == "k"] for s in spans(running.service)}
    assert values == {"a": ["v"], "b": ["w"]}


def test_retention_of_held_traces_is_that_of_the_new_rules(run: Run) -> None:
    """Scenario: retention's conditions, and the sampler's word on it, change while traces are held.

    Guarantees: facts behind the sampler are those of the new rules too; what was decided keeps its retention.
    """
    text = rules(policies=GOLD).replace("{default: {name: short, ttl: 1d}}", "{default: {name: short, ttl: 1d}, %s}")
    before = text % 'policies: [{name: old, when: name == "a", ttl: 9d}]'
    after = (
        text
        % 'policies: [{name: new, when: exists(b) and name == "late a", ttl: 8d}, {name: root, when: root, ttl: 7d}]'
    )
    running = run(before + ROW)
    running.take((1, "a", {}), (2, "a", {}))
    running.judge()
    running.take((3, "a", {}), (4, "a", {"b": "1"}))
    running.reload(after.replace(GOLD, GOLD[:-1] + ", retention: 30d}") + ROW)
    running.take((4, "late a", {"b": "1"}), (1, "late", {}), (5, "c", {"tier": "gold"}))
    running.judge()
    said = {}
    for block in (block for sent in arrived(running.service) for block in sent.resource_spans):
        retention = next(a.value.string_value for a in block.resource.attributes if a.key == "retention.policy")
        for span in (span for scope in block.scope_spans for span in scope.spans):
            said.setdefault(int.from_bytes(span.trace_id), set()).add(retention)
    assert said == {1: {"old"}, 2: {"old"}, 3: {"root"}, 4: {"new"}, 5: {"gold"}}

"""The browser's own reader and writer of JSON: byte for byte what the ledger hashes."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import events.tests
from events.format.canonical import canonicalize, canonicalize_text
from events.tests.support.json_values import ANY_JSON
from observers.tests.browser.conftest import Window
from observers.tests.support.vector_cases import cases
from observers.tests.support.vector_events import FORMS, keys_for, signed_event

VECTOR_FOLDER = Path(events.tests.__file__).parent / "vectors"
VECTORS = json.loads((VECTOR_FOLDER / "event-v1.json").read_text(encoding="utf-8"))
VECTOR_TEXTS = [vector["canonical_payload"] for vector in VECTORS["events"]]

CANONICAL = """async (texts) => {
    const { parse } = await import("/static/observers/verify/json.js");
    const { canonicalBytes } = await import("/static/observers/verify/canonical.js");
    return texts.map((text) => {
        try {
            return new TextDecoder().decode(canonicalBytes(parse(text)));
        } catch (error) {
            return `refused: ${error.constructor.name}: ${error.message}`;
        }
    });
}"""

CHECKED = """async ([events, keys, head]) => {
    const { parse } = await import("/static/observers/verify/json.js");
    const { checkEvent } = await import("/static/observers/verify/checks.js");
    const verdicts = [];
    let previous;
    for (const [at, text] of events.entries()) {
        const event = parse(text);
        const sequence = event.get("sequence");
        const around = { sequence, previous, keys: parse(keys[at]), head: parse(head) };
        const found = await checkEvent(event, around, crypto.subtle);
        verdicts.push(Object.fromEntries([...found].map(([name, { state }]) => [name, state])));
        previous = event;
    }
    return verdicts;
}"""

USABLE = """async ([keys, signatures]) => {
    const { isUsableKey } = await import("/static/observers/verify/ed25519.js");
    const { verifies } = await import("/static/observers/verify/checks.js");
    const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    const base64 = (hex) => btoa(String.fromCharCode(...bytes(hex)));
    const found = [];
    for (const { public_key_hex, message_hex, signature_hex } of signatures) {
        const key = new Map([["public_key", base64(public_key_hex)]]);
        const message = () => [bytes(message_hex)];
        found.push((await verifies(crypto.subtle, key, bytes(signature_hex), message)).state);
    }
    return [keys.map(({ public_key_hex }) => isUsableKey(bytes(public_key_hex))), found];
}"""

AS_WRITTEN = [
    ("1.0", "1"),
    ("1e0", "1"),
    ("-0.0", "0"),
    ("-0", "0"),
    ("1e21", "1e+21"),
    ("0.0000001", "1e-7"),
    ("18446744073709551615", "18446744073709551615"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9007199254740993", "9007199254740993"),
    ("9007199254740993.0", "9007199254740992"),
    ("-10000000000000000000", "-10000000000000000000"),
    ("18446744073709551616", "18446744073709552000"),
    ('{"\U0001f600":1,"\ufb33":2}', '{"\U0001f600":1,"\ufb33":2}'),
    ('{"10":1,"9":2,"":3}', '{"":3,"10":1,"9":2}'),
    ('{"__proto__":1,"constructor":2}', '{"__proto__":1,"constructor":2}'),
    ('"\\u0041\\/\\u000f\\u007f\\u2028"', '"A/\\u000f\x7f\u2028"'),
    (' [ 1 , {"a" : [ ] } ] ', '[1,{"a":[]}]'),
]

REFUSED = [
    "",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    "1e400",
    "[1,]",
    "[1",
    '{"a":1,"a":2}',
    '{"a":1,}',
    '{"a"}',
    "{1:2}",
    '"a',
    '"\n"',
    '"\\x"',
    '"\\ud800"',
    '"\\u0000"',
    "nul",
    "truefalse",
    "1 2",
    "\ufeff1",
    "\xa01",
    "[" * 200 + "]" * 200,
]


@pytest.fixture
def opened(window: Window) -> Window:
    """A window at any page of the portal: the modules need no more."""
    window.open("/login/")
    return window


def in_browser(window: Window, texts: list[str]) -> list[str]:
    """Canonicalizes JSON texts in the browser."""
    written = window.page.evaluate(CANONICAL, texts)
    return [str(text) for text in written]


def test_writes_numbers_strings_and_keys_as_the_format_says(opened: Window) -> None:
    texts = [text for text, _ in AS_WRITTEN]
    assert in_browser(opened, texts) == [canonical for _, canonical in AS_WRITTEN]


def test_writes_the_published_vectors_to_the_byte(opened: Window) -> None:
    reordered = [json.dumps(vector["event"]["payload"], indent=3) for vector in VECTORS["events"]]
    assert in_browser(opened, VECTOR_TEXTS) == VECTOR_TEXTS
    assert in_browser(opened, reordered) == VECTOR_TEXTS


def test_refuses_json_that_the_ledger_cannot_store(opened: Window) -> None:
    for text, answer in zip(REFUSED, in_browser(opened, REFUSED), strict=True):
        assert answer.startswith("refused: N"), (text, answer)


def test_browser_and_ledger_write_the_same_bytes(opened: Window) -> None:
    @settings(
        max_examples=250,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(ANY_JSON)
    def compare(value: Any) -> None:
        canonical = canonicalize(value).decode()
        loose = json.dumps(value, indent=1)
        expanded = canonicalize_text(canonical, stored=True).decode()
        assert in_browser(opened, [canonical, loose]) == [expanded, canonical]

    compare()


def test_every_check_passes_on_the_published_vectors(opened: Window) -> None:
    texts = [
        json.dumps(vector["event"] | {"payload": 0}).replace(
            '"payload": 0', f'"payload": {vector["canonical_payload"]}'
        )
        for vector in VECTORS["events"]
    ]
    last = VECTORS["events"][-1]["event"]
    head = {"max_sequence": last["sequence"], "content_hash": last["content_hash"]}
    keys = [json.dumps(keys_of(vector["event"])) for vector in VECTORS["events"]]
    verdicts = opened.page.evaluate(CHECKED, [texts, keys, json.dumps(head)])
    assert len(verdicts) == len(texts)
    for at, found in enumerate(verdicts, start=1):
        expected = dict.fromkeys(found, "passed")
        if at < len(texts):
            expected["head"] = "unmade"
        if VECTORS["events"][at - 1]["event"]["event_type"].startswith("ceremony."):
            expected["ceremony"] = "failed"  # its approvals bear no signatures
        assert found == expected


def test_the_vectors_of_both_versions_are_judged_as_the_server_judges_them(
    opened: Window,
) -> None:
    head = json.dumps({"max_sequence": 100, "content_hash": "0" * 64})
    for case in cases():
        texts = [json.dumps(case.event)]
        (found,) = opened.page.evaluate(CHECKED, [texts, [json.dumps(case.keys)], head])
        failed = {name for name, state in found.items() if state == "failed"}
        assert failed == case.failing, case.name


def test_every_form_is_judged_as_the_server_judges_it(opened: Window) -> None:
    made = [signed_event(**{vector["member"]: vector["value"]}) for vector in FORMS]
    head = json.dumps({"max_sequence": 1, "content_hash": "0" * 64})
    keys = [json.dumps(keys_for(fields)) for fields in made]
    verdicts = opened.page.evaluate(CHECKED, [[json.dumps(fields) for fields in made], keys, head])
    for vector, found in zip(FORMS, verdicts, strict=True):
        assert found["format"] == ("passed" if vector["good"] else "failed"), vector


def test_keys_and_signatures_are_taken_as_the_server_takes_them(opened: Window) -> None:
    vectors = json.loads((VECTOR_FOLDER / "ed25519.json").read_text(encoding="utf-8"))
    usable, verified = opened.page.evaluate(USABLE, [vectors["keys"], vectors["signatures"]])
    assert usable == [key["usable"] for key in vectors["keys"]]
    assert verified == [
        "passed" if vector["verifies"] else "failed" for vector in vectors["signatures"]
    ]


def keys_of(event: dict[str, Any]) -> dict[str, Any]:
    """The keys as `GET /api/v1/keys` would give them, were the vectors' one key its agent's."""
    agent, witness = VECTORS["agent_key"], VECTORS["witness_key"]
    validity = {"from_sequence": 1, "until_sequence": None}
    return {
        "agents": [
            {
                "key_id": agent["key_id"],
                "agent_id": event["agent_id"],
                "public_key": base64_of(agent["public_key_hex"]),
                **validity,
            }
        ],
        "witnesses": [
            {
                "witness_id": witness["witness_id"],
                "public_key": base64_of(witness["public_key_hex"]),
                **validity,
            }
        ],
    }


def base64_of(digits: str) -> str:
    """Hex digits as base64."""
    return b64encode(bytes.fromhex(digits)).decode()

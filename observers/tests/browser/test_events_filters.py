"""The filters as a reader uses them: typed, seen, taken away, kept while paging."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from events.append.services import writer
from events.tests.support.ledger import Ledger, submission
from observers.tests.browser.conftest import Window
from observers.tests.support.pages import remove


@pytest.fixture
def reader(ledger: Ledger, window: Window) -> Window:
    """Signed in at the listing of six events of three types, and a gap, behind the opening."""
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_event(submission({"user": {"id": 2**64 - 1}}, event_type="door.open"))
    writer().write_event(submission({"user": {"id": 7}}, event_type="door.shut"))
    writer().write_event(submission({}, local_timestamp=long_ago))
    ledger.write(1, agent_id="agent-8")
    writer().write_event(submission("up", event_type="system.up", agent_id=None))
    ledger.write(1)
    remove(ledger, 7)
    ledger.write(1, agent_id="agent-8")
    window.sign_in()
    window.open("/events/")
    return window


def shown(page: Page) -> list[str]:
    return page.locator("#events tbody tr:not(.gap) th").all_inner_texts()


def asked(page: Page) -> dict[str, list[str]]:
    """The filters in the address; the looks left out."""
    query = parse_qs(urlsplit(page.url).query)
    return {n: v for n, v in query.items() if n not in ("order", "limit", "density", "columns")}


def choose(page: Page, fields: dict[str, str]) -> None:
    """Fill fields by their name, after opening what they are folded into."""
    for name, value in fields.items():
        field = page.locator(f"#id_{name}")
        if not field.is_visible():
            page.keyboard.press("m")
        if field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


FILTERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "type": ({"event_type": "door.open"}, ["4"]),
    "agent": ({"agent_id": "agent-8"}, ["10"]),
    "the system": ({"system": "the system"}, ["8", "3", "2", "1"]),
    "drift": ({"drifted": "with drift warning"}, ["6"]),
    "from sequence": ({"start": "9"}, ["10", "9"]),
    "to sequence": ({"end": "5"}, ["5", "4", "3", "2", "1"]),
    "payload": ({"payload_field": "user.id", "payload_value": str(2**64 - 1)}, ["4"]),
    "authority from": ({"authority_from": "2999-01-01T00:00"}, []),
    "authority to": ({"authority_to": "2020-01-01T00:00"}, []),
    "local to": ({"local_to": "1980-01-01T00:00"}, ["6"]),
    "local from": ({"local_from": "1980-01-01T00:00"}, ["10", "9", "8", "5", "4", "3", "2", "1"]),
}


@pytest.mark.parametrize(("fields", "expected"), FILTERS.values(), ids=FILTERS.keys())
def test_every_filter(reader: Window, fields: dict[str, str], expected: list[str]) -> None:
    """It narrows, the gap stays in its place, and its chip takes it away."""
    page = reader.page
    choose(page, fields)
    page.get_by_role("button", name="Show", exact=True).click()
    chips = page.get_by_role("group", name="Filters in force")
    expect(chips).to_be_visible()
    assert shown(page) == expected
    assert len(asked(page)) in (1, 2), "an address without empty fields"
    outside = expected in (["5", "4", "3", "2", "1"], ["10", "9"], [])  # of sequences, or of a time
    assert page.locator("#events tr.gap").count() == (0 if outside else 1)
    chips.get_by_role("link", name=re.compile("Remove the filter")).click()
    expect(chips).to_have_count(0)
    assert shown(page) == ["10", "9", "8", "6", "5", "4", "3", "2", "1"]
    assert reader.complaints == []


def test_several_types_are_typed_one_after_another(reader: Window) -> None:
    page = reader.page
    page.keyboard.press("f")
    page.keyboard.type("door.open")
    page.keyboard.press("Enter")
    page.wait_for_url("**event_type=door.open**")
    page.get_by_label("or type").fill("door.shut")
    page.keyboard.press("Enter")
    page.wait_for_url("**event_type=door.shut**")
    assert shown(page) == ["5", "4"]
    page.get_by_role("link", name="Remove the filter type door.open").click()
    page.wait_for_url(lambda url: "door.open" not in url)
    assert shown(page) == ["5"]
    page.keyboard.press("x")
    expect(page.locator(".chips")).to_have_count(0)


def test_a_mistake_is_shown_next_to_the_field_with_its_text_kept(reader: Window) -> None:
    page = reader.page
    page.keyboard.press("m")
    page.get_by_label("From sequence").fill("a few")
    page.keyboard.press("Enter")
    page.wait_for_url("**start=**")
    field = page.get_by_label("From sequence")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("a few")
    expect(page.locator(".field", has=field).locator(".field-error")).to_be_visible()


def test_filters_stay_while_paging_and_when_coming_back(ledger: Ledger, reader: Window) -> None:
    page = reader.page
    writer().write_events([submission(agent_id="agent-8") for _ in range(120)])
    reader.open("/events/?agent_id=agent-8")
    page.keyboard.press("n")
    page.wait_for_url("**before=**")
    page.keyboard.press("n")
    page.wait_for_url(lambda url: "before=81" not in url)
    assert asked(page)["agent_id"] == ["agent-8"]
    here = page.url
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/events/\d+/"))
    page.go_back()
    assert page.url == here
    page.keyboard.press("p")
    page.wait_for_url("**after=**")
    assert page.locator("#events tbody tr").count() == 50


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_goes_to_a_sequence_and_marks_it(reader: Window, order: str) -> None:
    page = reader.page
    reader.open(f"/events/?order={order}")
    page.keyboard.press("t")
    page.keyboard.type("6")
    page.keyboard.press("Enter")
    page.wait_for_url("**#s6")
    assert shown(page)[0] == "6"
    assert page.evaluate("document.querySelector(':target').id") == "s6"


def test_looks_are_chosen_and_remembered(reader: Window) -> None:
    page = reader.page
    page.keyboard.press("v")
    page.get_by_label("Order").select_option("oldest first")
    page.get_by_label("Density").select_option("compact")
    page.get_by_label("Payload", exact=True).check()
    page.locator("fieldset").get_by_label("Content hash").uncheck()
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**columns=**")
    for _ in range(2):
        heads = page.locator("#events thead th").all_inner_texts()
        assert heads[:3] == ["Sequence", "Type", "Agent"]
        assert heads[3:] == ["Authority time (UTC)", "Clock drift", "Payload"]
        assert shown(page)[0] == "1"
        assert "compact" in (page.locator("#events").get_attribute("class") or "")
        reader.open("/events/")


def test_the_command_is_copied(reader: Window) -> None:
    page = reader.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.open("/events/?agent_id=agent-8")
    page.locator("summary", has_text="Export").click()
    page.keyboard.press("c")
    expect(page.locator("#copied")).to_have_text("Copied.")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == (
        f'curl -sS "{reader.portal}/api/v1/events?agent_id=agent-8" \\\n'
        '  -H "Authorization: Bearer $TOKEN"'
    )


@pytest.mark.parametrize(("name", "lines"), [("JSON lines", 1), ("CSV", 2)])
def test_the_export_has_the_filters_of_the_page(reader: Window, name: str, lines: int) -> None:
    page = reader.page
    reader.open("/events/?agent_id=agent-8")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    assert "-filtered." in download.value.suggested_filename
    assert download.value.path().read_bytes().count(b"\n") == lines


def test_one_switch_shows_the_times_of_all_pages_in_the_readers_zone(
    ledger: Ledger, browser: Browser, portal: str
) -> None:
    ledger.write(1)
    with browser.new_context(timezone_id="Asia/Tokyo", locale="en-US") as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        window.open("/events/")
        page, time = window.page, window.page.locator("#events time").first
        utc = datetime.fromisoformat(time.get_attribute("datetime") or "")
        own = utc.astimezone(ZoneInfo("Asia/Tokyo"))
        expect(time).to_contain_text(f"{utc:%Y-%m-%d %H:%M:%S}")
        expect(time).to_have_attribute("title", f"{own:%Y-%m-%d %H:%M:%S} +09:00 (Asia/Tokyo)")
        page.get_by_label("Time zone of all pages").select_option("own")
        expect(time).to_contain_text(f"{own:%Y-%m-%d %H:%M:%S}.{utc.microsecond:06}")
        expect(time).to_have_attribute("title", f"{utc:%Y-%m-%d %H:%M:%S} UTC")
        expect(page.locator("#events thead")).to_contain_text("Authority time (Asia/Tokyo)")
        expect(page.get_by_label("Authority time from (UTC)")).to_have_count(1)
        for address in ("/", "/gaps/", "/drift/", "/verifications/", "/watch/", "/access/"):
            window.open(address)
            for shown in page.locator("main time:visible").all():
                assert "UTC" not in shown.inner_text(), address
            assert "(UTC)" not in " ".join(page.locator("main th").all_inner_texts()), address
        window.open("/events/4/")
        clocks = page.locator(".clock-times")
        expect(clocks).to_contain_text(f"{own:%Y-%m-%d %H:%M:%S}.{utc.microsecond:06} +09:00")
        expect(clocks).to_contain_text(f".{utc.microsecond:06} UTC, as it is signed")
        page.get_by_label("Time zone of all pages").select_option("utc")
        expect(clocks).to_contain_text(f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond:06} UTC")


ADDRESSES = (
    "/events/",
    "/events/?start=x&payload_field=a&density=airy&nothing=1",
    "/events/?event_type=a&event_type=b&start=1&columns=payload&columns=local&density=compact",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible_with_everything_open(reader: Window, scheme: str) -> None:
    reader.page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
    )
    for address in ADDRESSES:
        reader.open(address)
        reader.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = Axe().run(reader.page)
        assert found.violations_count == 0, found.generate_report()
    reader.page.keyboard.press("?")
    expect(reader.page.locator("#keys")).to_be_visible()
    found = Axe().run(reader.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [320, 360, 640])
def test_fits_a_phone_and_200_percent_zoom(reader: Window, width: int) -> None:
    """1280 pixels at 200 % are 640."""
    reader.page.set_viewport_size({"width": width, "height": 700})
    for address in ADDRESSES:
        reader.open(address)
        reader.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width, address

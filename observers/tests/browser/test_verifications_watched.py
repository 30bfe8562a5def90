"""A verification watched in a browser: it moves by itself, and ends as its record."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from events.append.services import writer
from events.models import Verification
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.tests.browser.conftest import Window
from observers.verification_jobs.runner import Stopped, run_verification


def work_until(number: int, events: int) -> None:
    """Verify in slices of ten, and stop once `events` more were looked at."""
    seen = iter(range(events + 1))
    with pytest.raises(Stopped):
        run_verification(number, size=10, stopping=lambda: next(seen) == events)


def test_moves_by_itself_and_ends_as_its_record(ledger: Ledger, window: Window) -> None:
    writer().write_events([submission(number=n) for n in range(OPENING, 100)])
    ledger.tamper("UPDATE events SET payload = '{\"number\": 999}' WHERE sequence = 77")
    window.sign_in()
    window.open("/")
    page = window.page
    page.click("text=Verifications")
    page.click("main button")
    page.wait_for_url("**/verifications/*/")
    number = Verification.objects.get().pk
    assert "Waiting" in page.inner_text("#progress")

    page.evaluate("document.querySelector('h1').dataset.kept = 'yes'")
    work_until(number, 25)
    page.wait_for_selector("#progress progress[value='20']")
    assert "20 of 100 numbers" in page.inner_text("#progress")
    assert page.get_attribute("h1", "data-kept") == "yes"  # it was never loaded anew

    run_verification(number)
    page.wait_for_selector(".outcome")
    assert "Not sound: 1 finding." in page.inner_text("main")
    page.click("#findings ~ div a, section[aria-labelledby=findings] a")
    page.wait_for_url("**/events/77/")
    assert window.complaints == []


def test_works_without_scripts(
    ledger: Ledger, window: Window, browser: Browser, portal: str
) -> None:
    ledger.write(3)
    window.sign_in()
    state = window.page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state)
    page = context.new_page()
    page.goto(f"{portal}/verifications/")
    page.click("main button")
    run_verification(Verification.objects.get().pk)
    page.click("text=Reload")
    assert "Sound." in page.inner_text("main")
    context.close()


def test_prints_on_one_sheet(ledger: Ledger, window: Window) -> None:
    """Also with as many findings as are shown at once."""
    ledger.write(60 - OPENING)
    ledger.tamper("UPDATE events SET payload = '{\"number\": 999}' WHERE sequence % 2 = 0")
    window.sign_in()
    window.open("/verifications/")
    window.page.click("main button")
    window.page.wait_for_url("**/verifications/*/")
    run_verification(Verification.objects.get().pk)
    window.page.reload()
    assert "30 findings" in window.page.inner_text("main")
    edge = "12mm"
    sheet = window.page.pdf(
        format="A4", margin={"top": edge, "right": edge, "bottom": edge, "left": edge}
    )
    assert sheet.count(b"/Type /Page\n") == 1

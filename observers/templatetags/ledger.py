"""How times, hashes, drift and the standing of the ledger look on a page.

It must never show text of the ledger unescaped, nor a time without its zone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.db import DatabaseError
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.errors import LedgerError, TimestampError
from events.format.names import show
from events.format.timestamps import parse_canonical
from observers.pages import durations
from observers.pages.status import LedgerStatus, read_status

register = template.Library()


@register.filter
def moment(text: str | None) -> SafeString:
    """A canonical timestamp in full, machine-readable."""
    if not text:
        return SafeString("—")
    try:
        parse_canonical(text)
    except TimestampError:
        return format_html('<span class="unreadable">{}</span>', text)
    day, clock = text[:10], text[11:19]
    return format_html(
        '<time datetime="{}">{} {}<span class="fraction">{}</span>'
        '<span class="zone"> UTC</span></time>',
        text,
        day,
        clock,
        text[19:26],
    )


@register.filter
def stamp(when: datetime | None, precision: str = "seconds") -> SafeString:
    """A time of the database in UTC, machine-readable, to the second or the minute."""
    if when is None:
        return SafeString("—")
    return _time(when, f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(' ', precision)}")


@register.filter
def minute(text: str) -> SafeString:
    """A canonical timestamp to the minute; of today, the hour alone."""
    try:
        when = parse_canonical(text)
    except TimestampError:
        return format_html('<span class="unreadable">{}</span>', text)
    today = when.date() == timezone.now().date()
    return _time(when, when.strftime("%H:%M") if today else f"{text[:10]} {text[11:16]}")


def _time(when: datetime, shown: str) -> SafeString:
    exact = when.astimezone(UTC).replace(tzinfo=None).isoformat()
    return format_html('<time datetime="{}Z">{}<span class="zone"> UTC</span></time>', exact, shown)


@register.filter
def ago(text: str | None) -> str:
    """How far a canonical timestamp is from now, in words."""
    if not text:
        return ""
    try:
        return durations.distance(parse_canonical(text), timezone.now())
    except TimestampError:
        return ""


@register.filter
def magnitude(seconds: Decimal | None) -> str:
    """Seconds in words, such as `56 years`."""
    return "" if seconds is None else durations.duration(seconds)


@register.filter
def exact(seconds: Decimal | None) -> str:
    """Seconds to the millisecond, where the words of `magnitude` leave some out."""
    return "" if seconds is None or seconds < durations.MINUTE else f"{seconds:,.3f} s"


@register.filter
def grouped(number: int | None) -> str:
    """A count with its thousands set apart."""
    return "" if number is None else f"{number:,}"


@register.filter
def visible(text: Any) -> str:
    """Text whose unseen and direction-turning characters are shown as escapes."""
    return show(str(text))


@register.filter
def wrong(field: Any) -> str:
    """`true` where a field of a form has errors, for `aria-invalid`."""
    return "true" if field.errors else "false"


@register.inclusion_tag("partials/banner.html", takes_context=True)
def standing_banner(context: RequestContext) -> dict[str, Any]:
    """What is wrong with the ledger, the gravest first; nothing when all is well.

    A page without an outlook of its own, such as one for what went wrong, shows the banner to
    whoever may read the ledger.
    """
    outlook: LedgerStatus | None = context.get("outlook")
    try:
        if outlook is None and not ("may_read" in context and context["may_read"]()):
            return {}
        outlook = outlook or read_status()
    except (LedgerError, DatabaseError) as error:
        return {"unknown": str(error).splitlines()[0] if str(error) else "It does not answer."}
    alarms = outlook.alarms()
    return {"alarms": alarms, "halted": any(alarm.halt for alarm in alarms)}

"""Template filters for times, durations and counts, and the status banner.

Invariant: text from the ledger is escaped, and every time shows its zone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.db import DatabaseError
from django.template.context import RequestContext
from django.urls import reverse
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
    """Formats a canonical timestamp in full, as a `time` element."""
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
    """Formats a database time in UTC to the second or minute, as a `time` element."""
    if when is None:
        return SafeString("—")
    return _time(when, f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(' ', precision)}")


@register.filter
def minute(text: str) -> SafeString:
    """Formats a canonical timestamp to the minute; without the date if it is today."""
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
    """Formats the distance of a canonical timestamp from now, in words."""
    if not text:
        return ""
    try:
        return durations.distance(parse_canonical(text), timezone.now())
    except TimestampError:
        return ""


@register.filter
def magnitude(seconds: Decimal | None) -> str:
    """Formats seconds in words, such as `56 years`."""
    return "" if seconds is None else durations.duration(seconds)


@register.filter
def exact(seconds: Decimal | None) -> str:
    """Formats seconds to the millisecond; empty where `magnitude` is already exact."""
    return "" if seconds is None or seconds < durations.MINUTE else f"{seconds:,.3f} s"


@register.filter
def grouped(number: int | None) -> str:
    """Formats a count with thousands separators."""
    return "" if number is None else f"{number:,}"


@register.filter
def visible(text: Any) -> str:
    """Shows invisible and direction-changing characters as escapes."""
    return show(str(text))


@register.filter
def agent(agent_id: str | None) -> SafeString:
    """Formats the name of an event's agent; events without one are the system's."""
    if not agent_id:
        return SafeString('<i class="quiet">system</i>')
    return format_html("{}", visible(agent_id))


@register.filter
def wrong(field: Any) -> str:
    """`true` when a form field has errors, for `aria-invalid`."""
    return "true" if field.errors else "false"


@register.simple_tag
def word(name: str, shown: str = "") -> SafeString:
    """A word of the pages, linked to its entry in the glossary."""
    href = reverse("document", args=["glossary"])
    return format_html('<a class="word" href="{}#{}">{}</a>', href, name, shown or name)


@register.inclusion_tag("partials/banner.html", takes_context=True)
def standing_banner(context: RequestContext) -> dict[str, Any]:
    """The status banner: alarms by severity, nothing when there are none.

    Pages without an outlook in their context, such as error pages, show it to readers only.
    """
    outlook: LedgerStatus | None = context.get("outlook")
    try:
        if outlook is None and not ("may_read" in context and context["may_read"]()):
            return {}
        outlook = outlook or read_status()
    except (LedgerError, DatabaseError) as error:
        return {
            "unknown": str(error).splitlines()[0] if str(error) else "The database does not answer."
        }
    alarms = outlook.alarms()
    return {"alarms": alarms, "halted": any(alarm.halt for alarm in alarms)}

"""Agents' keys and witnesses in the admin. It must never create, rotate or retire one: that is
the commands' business, because private keys are involved."""

from __future__ import annotations

from django.contrib import admin

from events.admin.read_only import ReadOnlyAdmin, utc
from events.models import AgentKey, Witness

ACTIVE_FROM = utc("active_from")
ACTIVE_UNTIL = utc("active_until")


@admin.register(AgentKey)
class AgentKeyAdmin(ReadOnlyAdmin):
    """Public keys of the agents, the youngest first."""

    list_display = (
        "key_id",
        "agent_id",
        "from_sequence",
        "until_sequence",
        ACTIVE_FROM,
        ACTIVE_UNTIL,
    )
    ordering = ("-from_sequence", "key_id")
    fields = (
        "key_id",
        "agent_id",
        "public_key",
        "from_sequence",
        "until_sequence",
        ACTIVE_FROM,
        ACTIVE_UNTIL,
    )
    readonly_fields = (ACTIVE_FROM, ACTIVE_UNTIL)
    search_fields = ("=key_id", "=agent_id", "=public_key")
    search_help_text = "A whole key id, agent name or public key."


@admin.register(Witness)
class WitnessAdmin(ReadOnlyAdmin):
    """Witnesses, the youngest first."""

    list_display = (
        "witness_id",
        "from_sequence",
        "until_sequence",
        ACTIVE_FROM,
        ACTIVE_UNTIL,
    )
    ordering = ("-from_sequence", "witness_id")
    fields = (
        "witness_id",
        "public_key",
        "from_sequence",
        "until_sequence",
        ACTIVE_FROM,
        ACTIVE_UNTIL,
    )
    readonly_fields = (ACTIVE_FROM, ACTIVE_UNTIL)
    search_fields = ("=witness_id", "=public_key")
    search_help_text = "A whole witness id or public key."

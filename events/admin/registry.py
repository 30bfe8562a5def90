"""API tokens, agents' keys and witnesses in the admin.

Tokens can be revoked; creation and rotation belong to the commands. Invariant: a token's digest
never appears, not even in an address.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from events.accounts.tokens import revoke
from events.admin.base import ReadOnlyAdmin, TellingAdmin, utc
from events.models import AgentKey, ApiToken, Witness

ACTIVE_FROM = utc("active_from")
ACTIVE_UNTIL = utc("active_until")


@admin.register(AgentKey)
class AgentKeyAdmin(ReadOnlyAdmin):
    """Public keys of the agents, newest first."""

    list_display = (
        "key_id",
        "agent_id",
        "custody",
        "from_sequence",
        "until_sequence",
        ACTIVE_FROM,
        ACTIVE_UNTIL,
    )
    ordering = ("-from_sequence", "key_id")
    fields = (
        "key_id",
        "agent_id",
        "custody",
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
    """Witnesses, newest first."""

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


CHANGELIST = "admin:events_apitoken_changelist"


@admin.register(ApiToken)
class ApiTokenAdmin(TellingAdmin):
    """Tokens by prefix, each with a way to revoke it."""

    list_display = ("token_key", "may", "created", "expiry", "last_used_at", "revocation")
    list_display_links = None
    ordering = ("-created",)
    search_fields = ("=token_key", "=agent_id")
    search_help_text = "The beginning of a token as listed, or a whole agent name."
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """Remove the page of one token: its address would hold the digest, its primary key."""
        site = self.admin_site
        return [
            path("", site.admin_view(self.changelist_view), name="events_apitoken_changelist"),
            path(
                "<str:token_key>/revoke/",
                site.admin_view(require_http_methods(["GET", "POST"])(self.revoke)),
                name="events_apitoken_revoke",
            ),
        ]

    @admin.display(description="revoke")
    def revocation(self, token: ApiToken) -> SafeString:
        address = reverse("admin:events_apitoken_revoke", args=[token.token_key])
        return format_html('<a class="deletelink" href="{}">Revoke</a>', address)

    def revoke(self, request: HttpRequest, token_key: str) -> HttpResponse:
        """Ask for confirmation, then delete the token."""
        token = get_object_or_404(ApiToken, token_key=token_key)
        if not self.has_delete_permission(request, token):
            raise PermissionDenied
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": "Revoke an API token",
                "token": token,
                "opts": self.opts,
            }
            return TemplateResponse(request, "admin/events/apitoken/revoke.html", context)
        self._note(request, token)
        revoke(token, by=request.user.get_username())
        messages.success(
            request, f"Revoked: {token}. Requests with it are refused within a few seconds."
        )
        return redirect(CHANGELIST)

    @staticmethod
    def _note(request: HttpRequest, token: ApiToken) -> None:
        """Write to the admin's history, under the token's prefix instead of the digest."""
        LogEntry.objects.create(
            user_id=request.user.pk or 0,
            content_type=ContentType.objects.get_for_model(ApiToken),
            object_id=token.token_key,
            object_repr=str(token)[:200],
            action_flag=DELETION,
        )

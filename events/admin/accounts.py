"""Accounts in the admin: listed, assigned to groups, activated and deactivated.

Invariant: nobody grants rights they lack; second-factor secrets are not shown; accounts are not
deleted and their two times not edited, because they are records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

# Imported because importing registers these admins, which are then unregistered.
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from events.accounts.roles import follow_group
from events.admin.base import TellingAdmin

if TYPE_CHECKING:
    BaseUserAdmin = UserAdmin[User]
else:
    BaseUserAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)
# Their pages show secrets; `account reset-second-factor` does what an administrator needs.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)


@admin.register(User)
class AccountAdmin(TellingAdmin, BaseUserAdmin):
    """Accounts with plain lists for groups: the script of the double box labels nothing.

    Rights come from groups alone.
    """

    filter_horizontal = ()
    list_display = ("username", "in_groups", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    readonly_fields = ("is_staff", "is_superuser", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "groups", "is_staff", "is_superuser")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers change a superuser."""
        if obj is not None and obj.is_superuser and not getattr(request.user, "is_superuser", 0):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Accounts are deactivated, not deleted: a name in a record keeps meaning one person."""
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Derive admin access from the group."""
        super().save_related(request, form, formsets, change)
        follow_group(form.instance)

    @admin.display(description="groups")
    def in_groups(self, account: User) -> str:
        return ", ".join(account.groups.values_list("name", flat=True)) or "none"


@admin.register(Group)
class PlainGroupAdmin(TellingAdmin, GroupAdmin):
    """A plain list of permissions."""

    filter_horizontal = ()

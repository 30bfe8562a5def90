"""Accounts and groups: Django's own admin of them, less what a screen reader cannot read.

It must never let the two times of an account be edited: they are records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

if TYPE_CHECKING:
    BaseUserAdmin = UserAdmin[User]
else:
    BaseUserAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class AccountAdmin(BaseUserAdmin):
    """Plain lists for groups and permissions: the script of the pair of boxes names nothing."""

    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class PlainGroupAdmin(GroupAdmin):
    """A plain list of permissions."""

    filter_horizontal = ()

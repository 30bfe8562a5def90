"""The admin for its tests: a superuser's session, and where its pages are."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.test import Client
from django.urls import reverse


def superuser() -> Client:
    """A superuser's session; nobody types a password."""
    account = get_user_model()(username="admin", is_staff=True, is_superuser=True)
    account.set_unusable_password()
    account.save()
    client = Client()
    client.force_login(account)
    return client


def address(model: type[Model], page: str, *arguments: object) -> str:
    """Return the admin's address for a model."""
    return reverse(f"admin:events_{model._meta.model_name}_{page}", args=arguments)

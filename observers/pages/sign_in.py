"""The door: name and password, and how often they may be tried.

It must never tell which accounts there are: whatever is wrong, the answer is the same.
"""

from __future__ import annotations

import math
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from events.access import limits
from events.access.client_address import client_address, network_of

MAX_PASSWORD = 1024


class SignInForm(AuthenticationForm):
    """Django's form, which leaves it to the browser to keep a name as short as an account's is, and
    hands longer ones on to columns that do not hold them."""

    username = UsernameField(
        max_length=User._meta.get_field("username").max_length,
        widget=forms.TextInput({"autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        max_length=MAX_PASSWORD,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


class SignIn(LoginView):
    """The form; what is owed after it is asked for by `SecondFactorMiddleware`."""

    template_name = "login.html"
    authentication_form = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try a name and a password, if this address has not tried too many."""
        return refused_for_haste(request) or super().post(request, *args, **kwargs)


def refused_for_haste(request: HttpRequest) -> HttpResponse | None:
    """429 for an address that has tried too often, whatever names it tried; else None."""
    wait = limits.take_sign_in(network_of(client_address(request)))
    if not wait:
        return None
    seconds = math.ceil(wait)
    answer = render(request, "429.html", {"seconds": seconds}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def locked_out(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """429 for a name that was tried too often from this address, whether or not it exists."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"minutes": seconds // 60, "failures": settings.AXES_FAILURE_LIMIT}
    answer = render(request, "429.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer

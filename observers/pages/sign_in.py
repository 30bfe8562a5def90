"""The log-in page, with its limits on attempts.

Invariant: the answer to a wrong name is the same as to a wrong password.
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
from events.access.view_marks import no_second_factor, not_logged

MAX_PASSWORD = 1024


class SignInForm(AuthenticationForm):
    """Django's form with a maximum length: without it, longer names reach columns too short for
    them."""

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


@not_logged
@no_second_factor
class SignIn(LoginView):
    """Asks for name and password; `SecondFactorMiddleware` then asks for the second factor."""

    template_name = "login.html"
    authentication_form = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Checks name and password, unless this address has made too many attempts."""
        return too_many_attempts(request) or super().post(request, *args, **kwargs)


def too_many_attempts(request: HttpRequest) -> HttpResponse | None:
    """Return 429 for an address with too many attempts, whatever the names; else None."""
    wait = limits.take_sign_in(network_of(client_address(request)))
    if not wait:
        return None
    seconds = math.ceil(wait)
    answer = render(request, "429.html", {"seconds": seconds}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def locked_out(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """Return 429 for a name tried too often from this address, whether or not it exists."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"minutes": seconds // 60, "failures": settings.AXES_FAILURE_LIMIT}
    answer = render(request, "429.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer

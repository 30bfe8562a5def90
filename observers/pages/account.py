"""One's own account: password, second factor, sessions.

It must never show a secret twice, nor change a second factor for somebody who has not shown it.
"""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_otp import login as note_second_factor

from events.accounts import second_factor
from events.accounts.roles import group_of
from events.accounts.session_limits import end_sessions
from observers.pages.sign_in import refused_for_haste

WRONG = "That is not the code of now. Wait for the next one, and mind the clock of the device."


class CodeForm(forms.Form):
    """A code of the device, or a recovery code."""

    use_required_attribute = False
    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


class ChangePassword(PasswordChangeView):
    """The old password, and a new one twice; every other session ends with it."""

    template_name = "account_password.html"
    success_url = reverse_lazy("account")


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """What the portal knows of whoever looks."""
    return _private(render(request, "account.html", _standing(request)))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def enter_second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a code, and let whoever shows it go on."""
    user: Any = request.user
    if not second_factor.is_set_up(user):
        return redirect("set-up-second-factor")
    form = CodeForm(request.POST or None)
    if request.method == "POST":
        haste = refused_for_haste(request)
        if haste:
            return haste
        device = second_factor.verify(user, form.cleaned_data["code"]) if form.is_valid() else None
        if device is not None:
            _let_in(request, device)
            return redirect(_onward(request))
        if form.is_valid():
            form.add_error("code", WRONG + " After a wrong one, wait a little.")
    context = {"form": form, "next": _onward(request)}
    return _private(render(request, "second_factor.html", context))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Show the secret as a picture and as text; take it into use with the first right code."""
    user: Any = request.user
    if second_factor.is_set_up(user) and not user.is_verified():
        return redirect("second-factor")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        confirmed = second_factor.confirm(user, form.cleaned_data["code"])
        if confirmed is not None:
            device, codes = confirmed
            _let_in(request, device)
            context = {"codes": codes, "next": _onward(request), "first": True}
            return _private(render(request, "recovery_codes.html", context))
        form.add_error("code", WRONG)
    device = second_factor.begin(user)
    context = {
        "form": form,
        "next": _onward(request),
        "picture": _picture(device.config_url),
        "secret": second_factor.secret_of(device),
        "required": second_factor.is_required(user),
    }
    return _private(render(request, "second_factor_set_up.html", context))


@login_required
@require_POST
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Ten new codes, shown this once; the old ones no longer work."""
    user: Any = request.user
    if not user.is_verified():
        return redirect("account")
    context = {"codes": second_factor.new_recovery_codes(user), "next": resolve_url("account")}
    return _private(render(request, "recovery_codes.html", context))


@login_required
@require_POST
def remove_second_factor(request: HttpRequest) -> HttpResponse:
    """Back to a password alone, where that is allowed."""
    user: Any = request.user
    if user.is_verified() and not second_factor.is_required(user):
        second_factor.remove(user)
    return redirect("account")


@login_required
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of this account, this one included."""
    user: Any = request.user
    end_sessions(user)
    logout(request)
    return redirect("login")


def _standing(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    set_up = second_factor.is_set_up(user)
    return {
        "group": group_of(user),
        "set_up": set_up,
        "required": second_factor.is_required(user),
        "codes_left": second_factor.codes_left(user) if set_up else 0,
    }


def _let_in(request: HttpRequest, device: Any) -> None:
    """The session gets a new name, so that one that was seen before is worth nothing."""
    note_second_factor(request, device)
    request.session.cycle_key()


def _onward(request: HttpRequest) -> str:
    """Where to go on to, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else "/"


def _picture(text: str) -> SafeString:
    """A QR code as SVG whose colours are attributes: the policy allows no style in a page."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", svgclass="qr")
    return SafeString(svg)  # made of squares alone


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    return response

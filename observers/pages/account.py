"""The account page: password, second factor, recovery codes, sessions.

Invariant: a second factor that is set up is changed or removed only by a session that has shown it.
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

from events.access.view_marks import no_second_factor, not_logged
from events.accounts import second_factor
from events.accounts.roles import group_of
from events.accounts.session_limits import end_sessions
from observers.pages.sign_in import too_many_attempts

WRONG = "Wrong code. Wait for the next one, and check the clock of the device."


class CodeForm(forms.Form):
    """Asks for a code of the device, or a recovery code."""

    use_required_attribute = False
    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


@not_logged
class ChangePassword(PasswordChangeView):
    """Changes the password, which ends every other session of the account."""

    template_name = "account_password.html"
    success_url = reverse_lazy("account")


@not_logged
@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Shows the signed-in account."""
    return _private(render(request, "account.html", _standing(request)))


@not_logged
@no_second_factor
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def enter_second_factor(request: HttpRequest) -> HttpResponse:
    """Asks for the code at log-in and redirects to the wanted page."""
    user: Any = request.user
    if not second_factor.is_set_up(user):
        return redirect("set-up-second-factor")
    form = CodeForm(request.POST or None)
    if request.method == "POST":
        refusal = too_many_attempts(request)
        if refusal:
            return refusal
        device = second_factor.verify(user, form.cleaned_data["code"]) if form.is_valid() else None
        if device is not None:
            _mark_verified(request, device)
            return redirect(_next_address(request))
        if form.is_valid():
            form.add_error("code", WRONG + " After a wrong code there is a short wait.")
    context = {"form": form, "next": _next_address(request)}
    return _private(render(request, "second_factor.html", context))


@not_logged
@no_second_factor
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Shows the secret as QR code and text; turns it on with the first valid code."""
    user: Any = request.user
    if second_factor.is_set_up(user) and not user.is_verified():
        return redirect("second-factor")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        confirmed = second_factor.confirm(user, form.cleaned_data["code"])
        if confirmed is not None:
            device, codes = confirmed
            _mark_verified(request, device)
            context = {"codes": codes, "next": _next_address(request), "first": True}
            return _private(render(request, "recovery_codes.html", context))
        form.add_error("code", WRONG)
    device = second_factor.begin(user)
    context = {
        "form": form,
        "next": _next_address(request),
        "picture": _picture(device.config_url),
        "secret": second_factor.secret_of(device),
        "required": second_factor.is_required(user),
    }
    return _private(render(request, "second_factor_set_up.html", context))


@not_logged
@login_required
@require_POST
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Replaces the recovery codes and shows the new ones once."""
    user: Any = request.user
    if not user.is_verified():
        return redirect("account")
    context = {"codes": second_factor.new_recovery_codes(user), "next": resolve_url("account")}
    return _private(render(request, "recovery_codes.html", context))


@not_logged
@login_required
@require_POST
def remove_second_factor(request: HttpRequest) -> HttpResponse:
    """Removes the second factor, unless the account must have one."""
    user: Any = request.user
    if user.is_verified() and not second_factor.is_required(user):
        second_factor.remove(user)
    return redirect("account")


@not_logged
@login_required
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ends every session of this account, this one included."""
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


def _mark_verified(request: HttpRequest, device: Any) -> None:
    """Marks the session as verified and changes its key, against session fixation."""
    note_second_factor(request, device)
    request.session.cycle_key()


def _next_address(request: HttpRequest) -> str:
    """Return the address in `next` if it is one of this site, else `/`."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else "/"


def _picture(text: str) -> SafeString:
    """Draw a QR code as SVG with colours as attributes: the CSP forbids inline style."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", svgclass="qr")
    return SafeString(svg)  # generated, holds no user text


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    return response

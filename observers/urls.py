"""Routes of the pages."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from observers.pages import access, account, documents, halt, overview, watch
from observers.pages.ceremonies import views as ceremonies
from observers.pages.drift import views as drift
from observers.pages.event import views as event
from observers.pages.events import views as events
from observers.pages.gaps import views as gaps
from observers.pages.verifications import views as verifications

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("events/", events.events, name="events"),
    path("events/live", events.live, name="events-live"),
    path("events/find", event.find, name="find-event"),
    path("events/<int:sequence>/", event.event_page, name="event"),
    path("events/by-id/<uuid:event_id>/", event.event_by_id, name="event-by-id"),
    path("docs/<slug:name>/", documents.document, name="document"),
    path("gaps/", gaps.gaps, name="gaps"),
    path("drift/", drift.drift, name="drift"),
    path("halt/", halt.halt_page, name="halt"),
    path("ceremonies/", ceremonies.ceremonies, name="ceremonies"),
    path("ceremonies/propose", ceremonies.propose, name="propose-ceremony"),
    path(
        "ceremonies/propose/",
        RedirectView.as_view(pattern_name="propose-ceremony", query_string=True),
    ),
    path("ceremonies/<uuid:ceremony_id>/", ceremonies.ceremony_page, name="ceremony"),
    path("ceremonies/<uuid:ceremony_id>/vote", ceremonies.vote, name="vote-ceremony"),
    path("ceremonies/<uuid:ceremony_id>/record", ceremonies.record, name="record-ceremony"),
    path(
        "ceremonies/<uuid:ceremony_id>/statement", ceremonies.statement, name="ceremony-statement"
    ),
    path("watch/", watch.watch, name="watch"),
    path("access/", access.access_log, name="access-log"),
    path("account/", account.account, name="account"),
    path("account/password/", account.ChangePassword.as_view(), name="change-password"),
    path("account/second-factor/", account.enter_second_factor, name="second-factor"),
    path(
        "account/second-factor/set-up/", account.set_up_second_factor, name="set-up-second-factor"
    ),
    path("account/second-factor/recovery", account.new_recovery_codes, name="recovery-codes"),
    path("account/second-factor/remove", account.remove_second_factor, name="remove-second-factor"),
    path("account/sign-out", account.sign_out_everywhere, name="sign-out-everywhere"),
    path("verifications/", verifications.verifications, name="verifications"),
    path("verifications/start", verifications.start, name="start-verification"),
    path("verifications/<int:number>/", verifications.verification, name="verification"),
    path(
        "verifications/<int:number>/progress",
        verifications.progress,
        name="verification-progress",
    ),
    path("verifications/<int:number>/cancel", verifications.cancel, name="cancel-verification"),
]

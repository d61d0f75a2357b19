"""All addresses. Each says who may open it (``access_rules``); the login library's are listed there."""

from __future__ import annotations

from allauth.account import views as login_views
from django.urls import include, path, re_path, register_converter

from openkap.care import views
from openkap.care.access_rules import anyone, page, staff
from openkap.care.accounts.passkey_views import remove_passkey
from openkap.care.ids import UidConverter

register_converter(UidConverter, "uid")

_LOGIN = [
    path("login/", login_views.login, name="account_login"),
    path("logout/", login_views.logout, name="account_logout"),
    path("closed/", login_views.account_inactive, name="account_inactive"),
    path("reauthenticate/", login_views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", login_views.password_change, name="account_change_password"),
    path("password/reset/", login_views.password_reset, name="account_reset_password"),
    path("password/reset/done/", login_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        login_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        login_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("second-factor/webauthn/keys/<int:pk>/remove/", remove_passkey, name="mfa_remove_webauthn"),
    path("second-factor/", include("allauth.mfa.urls")),
]

# Tried one after the other: what programs and tablets ask for all day stands first.
urlpatterns = [
    path("", include("openkap.care.api.urls")),
    path("", include("openkap.care.live.urls")),
    page("", views.start, name="start", may=anyone("the first page: log in, or the demo's choice of people")),
    page("home/", views.home, name="home", may=staff()),
    page("gallery/", views.gallery, name="gallery", may=anyone("components with invented text only")),
    page(
        "health/",
        views.health,
        name="health",
        may=anyone("a load balancer asks; yes or no, and the age of the jobs' mark"),
    ),
    path("account/", include(_LOGIN)),
    path("", include("openkap.care.accounts.urls")),
    path("", include("openkap.care.audit.urls")),
    path("", include("openkap.care.patients.urls")),
    path("", include("openkap.care.enrolment.urls")),
    path("", include("openkap.care.treatment.urls")),
    path("", include("openkap.care.outcomes.urls")),
    path("", include("openkap.care.insights.urls")),
    path("", include("openkap.care.demo.urls")),
]

handler400 = "openkap.care.views.bad_request"
handler403 = "openkap.care.views.refused"
handler404 = "openkap.care.views.not_found"
handler429 = "openkap.care.accounts.turned_away.too_many"
handler500 = "openkap.care.views.server_error"

"""A rule whose limit the site has not set gives no alert, and the live page says so beside its field."""

from django.test import override_settings
from signed_site import SIGNED

from openkap.care.enrolment.protocols import protocol_of
from openkap.care.live.page import protocol_data
from openkap.protocol.read import load_protocol


def told(protocol):
    data = protocol_data(protocol)
    fields = {each["id"]: each["unset"] for each in [*data["vitals"], *data["scores"]]}
    return {name: titles for name, titles in fields.items() if titles}


def test_fields_whose_limit_nobody_has_set_say_that_no_alert_will_come():
    assert told(load_protocol("iv-racemic")) == {
        "spo2": ["Oxygen saturation low"],
        "distress_rating_0_10": ["Distress above the agreed level"],
    }


def test_a_limit_that_the_site_has_signed_is_watched_and_no_longer_said_to_be_missing(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SIGNED, encoding="utf-8")
    with override_settings(SITE_FILE=path):
        protocol = protocol_of("iv-racemic", load_protocol("iv-racemic").version)
    assert set(told(protocol)) == {"distress_rating_0_10"}
    assert "VIT-10" in {rule["id"] for rule in protocol_data(protocol)["rules"]}

"""The short dissociation scale: the instrument's own items, at the protocol's minutes, in few taps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import treated
from chairside import address, post, vitals

from openkap.care.live.page import protocol_data
from openkap.instruments.load import instrument
from openkap.protocol.read import load_protocol


@pytest.fixture
def session(cast, patient, watch, settings):
    settings.LOCK_AFTER_MINUTES = 600
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


def test_the_page_asks_the_instrument_s_items_with_the_instrument_s_answers():
    scale = protocol_data(load_protocol("iv-racemic"))["short_scale"]
    items = instrument("cadss-6").items.list
    assert [each["label"] for each in scale["items"]] == [each.label for each in items]
    assert {tuple(each["answers"]) for each in scale["items"]} == {(0, 1, 2, 3, 4)}
    assert scale["minutes"] == [0, 40, 120]


def test_a_protocol_that_does_not_use_the_scale_does_not_ask_for_it():
    protocol = load_protocol("iv-racemic")
    without = replace(protocol, scales=tuple(each for each in protocol.scales if each.scale != "CADSS-6"))
    assert protocol_data(without)["short_scale"] is None


def test_the_scale_is_prompted_at_its_minutes_and_a_score_moves_the_prompt_on(cast, session, watch):
    client, begun = cast.client("ben"), watch.moment

    def due():
        moment = client.get(address(session, "state")).json()["state"]["scale_due"]
        return None if moment is None else round(moment / 1000 - begun.timestamp()) // 60

    assert due() == 0
    for minute, following in ((0, 40), (40, 120), (120, None)):
        watch.moment = begun + timedelta(minutes=minute)
        reading = vitals(f"c{minute}", watch.moment, cadss_6_total="3")
        reading["payload"]["note"] = "CADSS-6: slow motion 3"
        post(client, session, reading)
        assert due() == following
    entries = client.get(address(session, "state")).json()["state"]["entries"]
    assert {each["note"] for each in entries if "cadss_6_total" in each["values"]} == {
        "CADSS-6: slow motion 3"
    }

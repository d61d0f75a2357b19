"""The short dissociation scale: the instrument's own items, at the protocol's minutes, in few taps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import treated
from chairside import act, address, post, statuses, vitals
from pdf_text import text_of

from openkap.care.live.page import protocol_data
from openkap.care.treatment.models import Value
from openkap.care.treatment.monitoring.scale_items import scale_items
from openkap.care.treatment.session.lists import entries_of
from openkap.instruments.load import instrument
from openkap.protocol.elements import dictionary
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


ITEMS = {
    "cadss_6_item_1": "3",
    "cadss_6_item_2": "0",
    "cadss_6_item_6": "1",
    "cadss_6_item_7": "0",
    "cadss_6_item_15": "0",
    "cadss_6_item_22": "0",
}


def test_every_item_of_the_instrument_is_an_element_with_its_label_and_its_answers():
    items = instrument("cadss-6").items.list
    for name, item in zip(scale_items(), items, strict=True):
        element = dictionary()[name]
        assert element.label == f"CADSS-6: {item.label}"
        assert (element.impossible.below, element.impossible.above) == (item.answers[0], item.answers[-1])
    assert [
        each["id"] for each in protocol_data(load_protocol("iv-racemic"))["short_scale"]["items"]
    ] == list(ITEMS)


def test_each_item_is_a_value_that_the_record_the_paper_and_the_interface_read_back(cast, session, watch):
    client = cast.client("ben")
    told = post(client, session, vitals("c", watch.moment, cadss_6_total="4", **ITEMS))
    (entry,) = [each for each in told["state"]["entries"] if each["id"] == "c"]
    assert {name: f"{entry['values'][name]['number']:.0f}" for name in ITEMS} == ITEMS
    assert Value.objects.get(entry__client_id="c", element="cadss_6_item_1").number == 3
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    assert "CADSS-6: slow motion <strong>3" in client.get(where).content.decode()
    paper = " ".join(text_of(client.get(f"{where}record.pdf").content).split())
    assert "CADSS-6: slow motion 3; CADSS-6: unreal, as in a dream 0" in paper
    written = next(each for each in entries_of(session) if each.uid == entry["uid"])
    assert {each.element for each in written.values} == {"cadss_6_total", *ITEMS}


def test_items_without_their_total_give_it(cast, session, watch):
    told = post(cast.client("ben"), session, vitals("c", watch.moment, **ITEMS))
    (entry,) = [each for each in told["state"]["entries"] if each["id"] == "c"]
    assert entry["values"]["cadss_6_total"]["number"] == 4


@pytest.mark.parametrize(
    ("values", "what", "value"),
    [
        (ITEMS | {"cadss_6_total": "5"}, "the items do not add up to the total", "items 4, total 5"),
        (
            {name: ITEMS[name] for name in list(ITEMS)[:5]},
            "an item of the short dissociation scale has no answer",
            "item 22 of the form",
        ),
    ],
)
def test_items_that_do_not_make_the_scale_are_refused(cast, session, watch, values, what, value):
    told = post(cast.client("ben"), session, vitals("c", watch.moment, **values))
    assert statuses(told) == ["refused"]
    assert (told["answers"][0]["what"], told["answers"][0]["value"]) == (what, value)
    assert told["answers"][0]["remedy"]


@pytest.mark.parametrize("element", ["cadss_6_item_1", "cadss_6_total"])
def test_an_item_crossed_out_takes_its_total_and_the_rest_of_the_scale_along(cast, session, watch, element):
    told = post(
        cast.client("ben"),
        session,
        vitals("c", watch.moment, distress_rating_0_10="2", **ITEMS),
        act("x", "take_back", watch.moment, corrects="c", element=element, reason="asked too early"),
    )
    (entry,) = [each for each in told["state"]["entries"] if each["counts"] and each["kind"] == "vitals"]
    assert entry["values"].keys() == {"distress_rating_0_10"}
    assert entry["crossed_out"].keys() == {"cadss_6_total", *ITEMS}

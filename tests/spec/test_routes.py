"""Which model answers for which route, drug and sampling site: the table a pharmacologist signs."""

import pytest

from openkap.core.errors import InputError
from openkap.pharmacology.absorption import choose

RACEMIC, ESKETAMINE = "racemic_ketamine", "esketamine"

TABLE = [
    # route, drug, site asked for, model, confidence
    ("iv", RACEMIC, None, "kamp2020_3cmt_racemic", "moderate"),
    ("iv", RACEMIC, "arterial", "kamp2020_3cmt_racemic", "moderate"),
    ("iv", RACEMIC, "venous", "clements1981_racemic_250", "low_to_moderate"),
    ("iv", ESKETAMINE, "arterial", "simons2022_esketamine_otf", "moderate"),
    ("iv", ESKETAMINE, "venous", "fanta2015_otto2021_esketamine", "good"),
    ("intranasal", ESKETAMINE, None, "perezruixo2021_esketamine", "good"),
    ("intranasal", RACEMIC, None, "clements1981_racemic_250", "low"),
    ("oral", ESKETAMINE, None, "perezruixo2021_esketamine", "moderate"),
    ("oral", RACEMIC, None, "fanta2015_otto2021_esketamine", "low"),
    ("sublingual", ESKETAMINE, None, "simons2022_esketamine_otf", "good"),
    ("buccal", ESKETAMINE, None, "simons2022_esketamine_otf", "good"),
    ("sublingual", RACEMIC, None, "clements1981_racemic_250", "low_to_moderate"),
    ("intramuscular", RACEMIC, None, "clements1981_racemic_250", "low"),
    ("inhaled", ESKETAMINE, None, "jonkman2017_esketamine_inhaled", "low"),
]

REFUSED = [
    ("subcutaneous", RACEMIC, "no human subcutaneous kinetics"),
    ("subcutaneous", ESKETAMINE, "no model for this route"),
    ("rectal", RACEMIC, "no model for this route"),
    ("inhaled", RACEMIC, "no model for this route"),
]


@pytest.mark.parametrize(("route", "drug", "site", "model", "confidence"), TABLE)
def test_a_route_is_answered_by_its_model(route, drug, site, model, confidence):
    chosen = choose(route, drug, site=site)
    assert (chosen.model.id, chosen.default.confidence) == (model, confidence)


@pytest.mark.parametrize(("route", "drug", "reason"), REFUSED)
def test_a_route_without_human_kinetics_is_refused(route, drug, reason):
    with pytest.raises(InputError, match=reason):
        choose(route, drug)

"""What a score says of a form, and what the scorer refuses."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

from openkap.core.errors import InputError
from openkap.core.truth import Truth
from openkap.instruments.change import change
from openkap.instruments.load import instrument
from openkap.instruments.score import plain, score

PCL5 = instrument("pcl-5")
FULL = {str(number): 2 for number in range(1, 21)}


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ({"21": 1}, "no item of that name (given: 21); limit: 1, 2, 3 ... 20"),
        ({"1": 5}, "cannot be answered like that (given: 5); limit: one of the whole numbers 0, 1, 2, 3, 4"),
        ({"1": -1}, "(given: -1)"),
        ({"1": 2.0}, "(given: 2.0)"),
        ({"1": "2"}, "(given: 2)"),
        ({"1": True}, "(given: True)"),
        ({"1": 10**30}, "cannot be answered like that"),
    ],
)
def test_a_wrong_answer_is_refused_with_value_limit_and_remedy(answers: dict[str, int], what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)) as refused:
        score(PCL5, answers)
    assert refused.value.limit
    assert refused.value.remedy


def test_a_cluster_is_scored_although_the_total_cannot_be() -> None:
    result = score(PCL5, {name: answer for name, answer in FULL.items() if name != "20"})
    assert (result.subscales["B"], result.subscales["E"], result.total) == (10, None, None)
    assert result.missing == ("20",)
    assert "not answered: 20" in str(result.scale("total").why_not)


def test_a_cutoff_is_known_as_soon_as_the_answers_decide_it() -> None:
    sure = score(PCL5, dict.fromkeys(numbers(1, 12), 3))
    assert [each.met for each in sure.cutoffs if each.id == "provisional-33"] == [Truth.YES]
    hopeless = score(PCL5, dict.fromkeys(numbers(1, 14), 0))
    assert [each.met for each in hopeless.cutoffs if each.id == "provisional-33"] == [Truth.NO]
    open_ = score(PCL5, dict.fromkeys(numbers(1, 5), 4))
    assert [each.met for each in open_.cutoffs if each.id == "provisional-33"] == [Truth.UNKNOWN]


def test_a_rule_with_an_upper_limit_is_undecided_while_answers_are_missing() -> None:
    phq9 = instrument("phq-9")
    rules = {each.id: each.met for each in score(phq9, {"1": 2, "3": 2}).rules}
    assert rules == {
        "major-depressive-syndrome": Truth.UNKNOWN,
        "other-depressive-syndrome": Truth.UNKNOWN,
    }


def test_a_score_is_plain_data_with_its_fingerprint() -> None:
    result = score(PCL5, FULL)
    data = json.loads(json.dumps(result.as_dict()))
    assert (data["total"], data["fingerprint"]) == (40, PCL5.fingerprint)
    assert data["rules"][0]["met"] == "yes"
    assert data["cutoffs"][0]["sources"] == ["CAMCOPS", "FORKUS", "PCL5_COMORB"]


def test_numbers_are_whole_or_have_four_decimals() -> None:
    assert (plain(Fraction(8, 2)), plain(Fraction(1, 3)), plain(None)) == (4, 0.3333, None)


def test_a_change_names_the_definition_it_used() -> None:
    before, after = score(PCL5, FULL), score(PCL5, dict.fromkeys(FULL, 1))
    judged = change(PCL5, before, after)
    assert (judged.points, judged.percent) == (-20, -50)
    assert (judged.met("response"), judged.used("response")) == (Truth.YES, "response-15")
    other = change(PCL5, before, after, definition="response-50-percent")
    assert other.used("response") == "response-50-percent"
    assert other.used("reliable") == "reliable-15"
    assert json.loads(json.dumps(judged.as_dict()))["definitions"][0]["used"] is True


def test_a_change_between_different_instruments_is_refused() -> None:
    with pytest.raises(InputError, match="do not belong together"):
        change(PCL5, score(PCL5, FULL), score(instrument("stop"), {}))


def test_an_unknown_definition_is_refused_with_the_known_ones() -> None:
    whole = score(PCL5, FULL)
    with pytest.raises(InputError, match="response-15, response-50-percent"):
        change(PCL5, whole, whole, definition="cured")


def test_a_change_of_a_form_without_total_is_unknown() -> None:
    judged = change(PCL5, score(PCL5, FULL), score(PCL5, {}))
    assert {each.met for each in judged.findings} == {Truth.UNKNOWN}
    assert judged.points is None


def test_of_no_symptoms_no_percentage_falls() -> None:
    none = score(PCL5, dict.fromkeys(FULL, 0))
    judged = change(PCL5, none, none, definition="response-50-percent")
    assert judged.met("response") is Truth.UNKNOWN
    assert judged.percent is None


def test_an_instrument_without_definitions_knows_no_response() -> None:
    stop = instrument("stop")
    form = score(stop, dict.fromkeys(stop.items_by_id, True))
    judged = change(stop, form, form)
    assert (judged.met("response"), judged.used("response")) == (Truth.UNKNOWN, None)


def numbers(first: int, last: int) -> list[str]:
    return [str(each) for each in range(first, last + 1)]

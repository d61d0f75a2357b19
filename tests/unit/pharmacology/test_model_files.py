"""A user's own model file is read like a shipped one, or refused with file, line and remedy."""

import pytest

from openkap.core.errors import DomainError, InputError
from openkap.pharmacology import Person, Regimen, load_model, simulate

VALUE = "meaning: x, source: [mine], grade: platform"
MODEL = f"""
id: mine
title: my own model
drug: racemic_ketamine
status: complete
structure: one compartment
population: null
n: null
sampling: {{site: venous, as_written: null}}
validity: null
analytes: [ketamine]
parameters:
  V: {{value: 100, unit: L, {VALUE}}}
  CL: {{value: 60, unit: L/h, {VALUE}}}
compartments:
  central: {{analyte: ketamine, volume: V}}
flows:
  - {{from: central, to: out, rate: CL / V}}
routes:
  iv: [{{name: vein, into: central}}]
variability: null
source: [mine]
"""


@pytest.fixture
def write(tmp_path):
    def writer(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return writer


def test_a_model_file_of_ones_own_is_simulated(write):
    result = simulate(load_model(write(MODEL)), Regimen.single(route="iv", dose="10 mg"), Person(), [0.0])
    assert result.parent[0, 0] == pytest.approx(100.0)  # 10 mg in 100 L


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f"unit: L, {VALUE}", f"{VALUE}", "unit"),
        ("unit: L,", "unit: null,", "needs its unit"),
        ("unit: L,", "unit: banana,", "unit"),
        ("unit: L,", "unit: kg,", "no compartment model can use"),
        ("unit: L/h", "unit: L", "wrong kind"),
        ("value: 100,", "value: 100, limits: [200, 50],", "swapped"),
        ("value: 100,", "value: 100, ci95: [120, 80],", "swapped"),
        ("value: 100,", "value: 100, limits: [1, 50],", "outside its own limits"),
        ("validity: null", f"validity: {{weight_kg: [90, 40], {VALUE[11:]}}}", "swapped"),
        ("rate: CL / V", "rate: CL / W", "does not define"),
        ("rate: CL / V", "rate: CL + V", "two kinds"),
        ("rate: CL / V", "rate: open('x')", "not a formula"),
        ("from: central, to: out", "from: centre, to: out", "does not define"),
        ("volume: V", "volume: CL", "wrong kind"),
        ("source: [mine], grade", "source: [], grade", "source"),
        ("grade: platform", "grade: guess", "grade"),
        ("title: my own model", "title: my own model\nextra: 1", "extra"),
    ],
)
def test_a_model_file_that_breaks_a_rule_is_refused_with_its_place(write, old, new, says):
    assert old in MODEL
    path = write(MODEL.replace(old, new, 1))
    with pytest.raises(DomainError) as refused:
        load_model(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_an_unknown_model_is_refused_with_the_list_of_known_ones():
    with pytest.raises(InputError, match="kamp2020_3cmt_racemic"):
        load_model("kamp2021")


def test_a_model_without_compartments_is_not_simulated():
    with pytest.raises(InputError, match="summary values"):
        simulate("spravato_label_summary", Regimen.single(route="intranasal", dose="56 mg"), Person(), [1.0])


def test_a_route_that_a_model_lacks_is_refused():
    with pytest.raises(InputError, match="no kinetics for this route"):
        simulate("kamp2020_3cmt_racemic", Regimen.single(route="oral", dose="50 mg"), Person(), [1.0])


def test_parameters_that_were_never_found_are_named_and_can_be_assumed():
    model = load_model("jonkman2017_esketamine_inhaled")
    regimen = Regimen.single(route="inhaled", dose="50 mg")
    with pytest.raises(InputError, match="fraction_immediate, hill"):
        simulate(model, regimen, Person(), [1.0])
    assumed = model.assume({"fraction_immediate": "0.3", "hill": "1"})
    assert simulate(assumed, regimen, Person(weight_kg=70), [30.0]).parent[0, 0] > 0
    assert assumed.assumed == ("fraction_immediate", "hill")


def test_an_assumption_about_an_unknown_parameter_is_refused():
    with pytest.raises(InputError, match="no such parameter"):
        load_model("kamp2020_3cmt_racemic").assume({"V9": "3 L"})

"""Bad input: each message says which row, why, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import openkap.evidence as ev
from openkap.commands.evidence import evidence
from openkap.core.errors import InputError
from openkap.evidence.table import estimates_of, read_table

GOOD = "study,yi,vi\nFeder,-0.5,0.1\nDuek,-0.2,0.15\nAbdallah,0.0,0.05\n"


def refusal(call: object, *parts: str) -> None:
    with pytest.raises(InputError) as error:
        call()  # type: ignore[operator]
    message = str(error.value)
    assert error.value.remedy, message
    for part in parts:
        assert part in message


def file(folder: Path, text: str) -> Path:
    path = folder / "studies.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("yi", "vi", "parts"),
    [
        ([0.1, "x", 0.2], [1, 1, 1], ("row 2", "not a number", "x")),
        ([0.1, np.nan], [1, 1], ("row 2", "missing")),
        ([0.1, 0.2], [1, 0], ("row 2", "not positive", "zero cells")),
        ([0.1, 0.2], [-1, 1], ("row 1", "-1")),
        ([0.1, 0.2], [1, np.inf], ("row 2", "variance is missing or infinite")),
        ([0.1], [1], ("too few studies", "at least 2")),
        ([0.1, 0.2], [1], ("equal length",)),
    ],
)
def test_estimates_that_cannot_be_pooled_are_refused_by_row(
    yi: object, vi: object, parts: tuple[str, ...]
) -> None:
    refusal(lambda: ev.pool(yi, vi), *parts)


def test_a_label_names_the_study_instead_of_the_row() -> None:
    refusal(lambda: ev.pool([0.1, 0.2], [1, 0], labels=["Feder", "Duek"]), "study 'Duek'")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("study,effect\nA,1\n", ("missing columns", "yi")),
        ("study,yi\nA,1\nB,2\n", ("missing columns", "vi")),
        (GOOD.replace("0.15", "abc"), ("line 3", "column 'vi'", "abc")),
        (GOOD.replace("0.15", ""), ("line 3", "missing")),
        (GOOD.replace("0.15", "0"), ("line 3", "not positive")),
        (GOOD.replace("0.15", "-0.15"), ("line 3", "not positive")),
        (GOOD + "Feder,-0.5,0.1\n", ("line 5", "same row twice", "first on line 2")),
        ("study,yi,vi\nA,1,2,3\n", ("line 2", "number of cells")),
        ("study,yi,ci_low,ci_high\nAlmeida,0.25,0.57,17.02\n", ("line 2", "excludes its estimate")),
        ("", ("empty",)),
        ("study,yi,vi\n", ("no studies",)),
        ("study,mean1,sd1,n1,mean2,sd2,n2\nA,1,1,10,1,1,10\n", ("missing columns", "MD, SMD")),
    ],
)
def test_a_file_that_cannot_be_pooled_is_refused_by_line(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    path = tmp_path / "studies.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        estimates_of(read_table(path))
    for part in parts:
        assert part in str(error.value)


def test_an_arm_that_is_impossible_is_refused_by_line(tmp_path: Path) -> None:
    path = file(tmp_path, "study,mean1,sd1,n1,mean2,sd2,n2\nA,1,1,10,1,1,10\nB,1,0,10,1,1,10\n")
    refusal(lambda: estimates_of(read_table(path), "SMD"), "line 3", "sd1 is not positive")


def test_one_study_is_not_pooled(tmp_path: Path) -> None:
    run = CliRunner().invoke(evidence, ["pool", str(file(tmp_path, "study,yi,vi\nA,1,2\n"))])
    assert isinstance(run.exception, InputError)
    assert "side by side" in str(run.exception)


def test_a_network_in_pieces_names_the_pieces() -> None:
    refusal(
        lambda: ev.network(["a", "b"], ["ketamine", "sertraline"], ["saline", "placebo"], [1, 1], [1, 1]),
        "in pieces",
        "ketamine, saline; placebo, sertraline",
    )


def test_a_multi_arm_trial_must_be_whole_and_agree_with_itself() -> None:
    arms = (["t"] * 3, ["a", "a", "b"], ["b", "c", "c"])
    refusal(
        lambda: ev.network(*(each[:2] for each in arms), [1, 2], [1, 1]), "needs all its contrasts", "2 of 3"
    )
    refusal(lambda: ev.network(*arms, [1, 2, -5], [1, 1, 1]), "contradict", "trial 't'")
    refusal(lambda: ev.network(*arms, [1, 2, 1], [0.1, 0.1, 5]), "impossible together")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"treat2": ["a"]}, "compared with itself"),
        ({"se_te": [0]}, "row 1"),
        ({"te": ["x"]}, "not a number"),
        ({"se_te": [1, 1]}, "differ in length"),
    ],
)
def test_a_contrast_that_cannot_be_used_is_refused(change: dict[str, list[object]], part: str) -> None:
    good = {"studlab": ["s"], "treat1": ["a"], "treat2": ["b"], "te": [1], "se_te": [1]}
    with pytest.raises(InputError, match=part):
        ev.network(**(good | change))


SMALL = {
    "standardised_mean_change": {"mean_pre": 40, "mean_post": 30, "sd_pre": 9, "n": 2, "r": 0.5},
    "standardised_change_in_change_units": {"mean_change": -9, "sd_change": 8, "n": 2},
    "crossover_smd": {"mean1": 20, "sd1": 9, "mean2": 30, "sd2": 9, "n": 2, "r": 0.5},
    "crossover_mean_difference": {"mean1": 20, "sd1": 9, "mean2": 30, "sd2": 9, "n": 0, "r": 0.5},
    "mean_change": {"mean_pre": 40, "mean_post": 30, "sd_pre": 9, "sd_post": 9, "n": 0, "r": 0.5},
    "smd_from_d": {"d": 0.4, "n1": 0, "n2": 12},
    "smd_from_t": {"t": 2.0, "n1": 12, "n2": 1},
    "logit_proportion": {"events": 0, "n": 0},
    "pretest_posttest_control": {
        **{"mean_pre1": 40, "mean_post1": 30, "sd_pre1": 9, "n1": 2},
        **{"mean_pre2": 40, "mean_post2": 38, "sd_pre2": 9, "n2": 2, "r": 0.5},
    },
}


@pytest.mark.parametrize("measure", SMALL)
def test_a_group_too_small_for_its_formula_is_refused(measure: str) -> None:
    refusal(lambda: getattr(ev, measure)(**SMALL[measure]), "too small", "at least")


def test_a_negative_spread_or_a_missing_mean_is_refused_with_its_row() -> None:
    both = SMALL["pretest_posttest_control"] | {"n1": 12, "n2": 12}
    refusal(lambda: ev.pretest_posttest_control(**(both | {"sd_pre2": -10})), "sd_pre2 is not positive")
    arms = {"sd1": 9, "n1": 12, "mean2": 30, "sd2": 9, "n2": 12}
    refusal(lambda: ev.mean_difference(mean1=[20, float("nan")], **arms), "mean1 is missing", "row 2")


def test_labels_and_estimates_of_different_number_are_refused() -> None:
    refusal(lambda: ev.pool([0.1, 0.2, 0.3], [1, 1, 1], labels=["a", "b"]), "labels", "2 and 3")


def test_variances_that_cannot_belong_together_are_refused_with_both_rows() -> None:
    refusal(lambda: ev.pool([0.1, 0.2], [1e-20, 1.0]), "too far apart", "row 1 and row 2")


@pytest.mark.parametrize("column", ["dose", "yi"])
def test_a_curve_with_a_missing_number_is_refused_with_its_row(column: str) -> None:
    rows = {"dose": [0.2, 0.5, 0.5, 1.0], "yi": [-0.1, -0.3, -0.2, -0.4]}
    rows[column] = [*rows[column][:2], float("nan"), rows[column][3]]
    study, vi = list("abcd"), [0.04] * 4
    refusal(lambda: ev.dose_response(study, rows["dose"], rows["yi"], vi), "missing", "row 3")
    refusal(lambda: ev.time_course(study, rows["dose"], rows["yi"], vi, rho=0.5), "missing", "row 3")


def test_a_network_without_contrasts_is_refused() -> None:
    refusal(lambda: ev.network([], [], [], [], []), "a network needs contrasts")


COUNTS = """study,events1,n1,events2,n2
one,0,20,4,60
two,3,30,6,30
three,0,15,0,15
four,5,40,9,41
"""


def test_zero_cells_are_said_and_the_rule_for_them_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(COUNTS, encoding="utf-8")

    def run(*options: str) -> str:
        return CliRunner().invoke(evidence, ["pool", str(path), "--measure", "RR", *options]).output

    plain = run()
    assert "doubt: a cell is zero in line 2, 4" in plain
    assert "doubt: line 4 has no event" in plain
    shares = run("--zero-cells", "treatment_arm")
    assert "(treatment_arm)" in shares
    assert shares.splitlines()[1] != plain.splitlines()[1]
    answer = CliRunner().invoke(evidence, ["pool", str(path), "--measure", "RR", "--zero-cells", "none"])
    assert "a cell is zero" in str(answer.exception)


def test_redundant_moderators_and_too_many_of_them_are_refused() -> None:
    y, v = [0.1, 0.2, 0.3, 0.4], [1, 1, 1, 1]
    refusal(lambda: ev.meta_regression(y, v, [1, 1, 1, 1]), "redundant", "without the intercept")
    refusal(lambda: ev.meta_regression(y, v, np.eye(4)[:, :3]), "too few studies")


def test_unknown_names_are_refused_with_the_list() -> None:
    refusal(lambda: ev.pool([1, 2], [1, 1], "XX"), "REML")
    refusal(lambda: ev.pool([1, 2], [1, 1], test="welch"), "knha")


@pytest.mark.parametrize(
    ("yi", "vi", "labels", "code"),
    [
        ([0.1, 0.5, 0.9], [0.1, 0.1, 0.1], None, "few_studies"),
        ([0.1] * 6, [0.1] * 6, None, "boundary"),
        ([0.1, 0.5, 0.9, 0.3, 0.2], [0.001, 1, 1, 1, 1], None, "dominant_study"),
        ([0, 0, 0.1, 0, 0.1, 9], [0.01] * 5 + [0.4], None, "influential_study"),
        # tau2 of all ten would excuse the last one
        ([0.3, 0.31, 0.29, 0.3, 0.32, 0.28, 0.3, 0.31, 0.29, 50], [0.01] * 10, None, "influential_study"),
        ([0.1, 0.5, 0.9], [0.1, 0.1, 0.1], ["a", "a", "b"], "dependent_estimates"),
    ],
)
def test_a_fit_reports_its_doubts(
    yi: list[float], vi: list[float], labels: list[str] | None, code: str
) -> None:
    assert code in {doubt.code for doubt in ev.pool(yi, vi, "DL", labels=labels).warnings}


def test_studies_that_agree_too_well_for_knapp_and_hartung_are_said() -> None:
    close = [0.70, 0.71, 0.70, 0.71, 0.72, 0.70]
    fits = {test: ev.pool(close, [0.02] * 6, test=test) for test in ("z", "t", "knha", "adhoc")}
    told = [name for name, fit in fits.items() if "narrow_interval" in {each.code for each in fit.warnings}]
    assert told == ["knha"]


@pytest.mark.parametrize("k", [4, 6, 10, 20])
def test_few_of_the_pools_without_an_outlier_are_said_to_have_one(k: int) -> None:
    rng = np.random.default_rng(k)
    alarms = 0
    for _ in range(300):
        v = 10 ** rng.uniform(-2, 0, k)
        fit = ev.pool(rng.normal(0, np.sqrt(v + 0.2)), v)
        alarms += any(each.code == "influential_study" for each in fit.warnings)
    # three standard errors are passed by 0.27 % of studies, so by 5 % of pools of twenty; twice that at most
    assert alarms <= 0.10 * 300


def test_the_commands_answer_in_words_and_in_json(tmp_path: Path) -> None:
    path = str(file(tmp_path, GOOD))
    words = CliRunner().invoke(evidence, ["pool", path, "--test", "knha"]).output
    assert "3 studies, REML, knha" in words
    assert "doubt: 3 studies" in words
    data = json.loads(CliRunner().invoke(evidence, ["pool", path, "--json"]).output)
    fit = ev.pool([-0.5, -0.2, 0.0], [0.1, 0.15, 0.05])
    assert data["estimate"] == fit.estimate
    assert data["prediction_low"] == fit.prediction_low
    assert data["warnings"][0]["code"] == "few_studies"


def told(folder: Path, verb: str, text: str | bytes, *options: str) -> str:
    """What a new user sees who hands a file to a verb."""
    path = folder / "studies.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    run = CliRunner().invoke(evidence, [verb, str(path), *options])
    return str(run.exception) if run.exception else run.output


@pytest.mark.parametrize(
    ("given", "written", "parts"),
    [
        ("-0.2", '"-0,2"', ("line 3", "write a decimal point, -0.2")),
        ("-0.2", "\N{MINUS SIGN}0.2", ("line 3", "hyphen of the keyboard")),
        ("-0.2", "NaN", ("line 3", "given: NaN", "name it as missing")),
        ("-0.2", "inf", ("line 3", "given: inf")),
        ("-0.2", "1e400", ("line 3", "beyond what a number can hold")),
        ("0.15", "1e-400", ("line 3", "given: 1e-400", "above 0")),
        ("yi", "Yi", ("write 'Yi' as 'yi'",)),
    ],
)
def test_a_cell_is_refused_with_what_to_write_instead(
    tmp_path: Path, given: str, written: str, parts: tuple[str, ...]
) -> None:
    message = told(tmp_path, "pool", GOOD.replace(given, written, 1))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", " , "),
    ],
)
def test_the_ways_that_spreadsheets_write_a_csv_give_the_same_answer(
    tmp_path: Path, text: str | bytes
) -> None:
    assert told(tmp_path, "pool", text) == told(tmp_path, "pool", GOOD)


@pytest.mark.parametrize(
    "text", [GOOD.encode("utf-16"), b"PK\x03\x04workbook", b"study,yi,vi\nM\xfcller,1,1\n"]
)
def test_a_workbook_or_another_encoding_is_told_how_to_be_saved(tmp_path: Path, text: bytes) -> None:
    message = told(tmp_path, "pool", text)
    assert "save it as CSV" in message
    assert "codec" not in message


def test_half_a_person_is_refused(tmp_path: Path) -> None:
    text = "study,mean1,sd1,n1,mean2,sd2,n2\nA,1,1,10.5,1,1,10\n"
    message = told(tmp_path, "pool", text, "--measure", "SMD")
    assert "line 2, column 'n1': not a whole number of people (given: 10.5)" in message


def test_a_word_among_numbers_is_no_level_and_what_never_varies_no_moderator(tmp_path: Path) -> None:
    text = "study,yi,vi,dose\nA,1,1,0.5\nB,2,1,0.2\nC,2,1,high\nD,2,1,1\n"
    assert "line 4, column 'dose': not a number (given: high)" in told(
        tmp_path, "regress", text, "--moderators", "dose"
    )
    same = "study,yi,vi,route\nA,1,1,IV\nB,2,1,IV\nC,2,1,IV\n"
    assert "the same in every row (given: route = IV)" in told(
        tmp_path, "regress", same, "--moderators", "route"
    )


NETWORK = "study,treat1,treat2,te,se_te\n1,K,M,0.5,0.2\n2,M,P,0.3,0.2\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (NETWORK.replace("0.3,0.2", "0.3,0"), ("studies.csv, line 3", "se_te above 0", "check the row")),
        (NETWORK.replace("M,P", "M,M"), ("studies.csv, line 3", "compared with itself", "name two")),
        (NETWORK + "1,K,M,0.6,0.2\n", ("studies.csv, line 4, trial '1'", "same contrast twice")),
        (NETWORK + "3,X,Y,0.1,0.2\n", ("in pieces", "K, M, P; X, Y", "analyse each piece")),
        (GOOD, ("the file holds no network", "give study, treat1, treat2, te and se_te")),
    ],
)
def test_a_network_file_is_refused_by_its_line(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    message = told(tmp_path, "network", text)
    for part in parts:
        assert part in message


DOSES = "study,dose,yi,vi,reference_vi\nA,0.2,0.1,0.04,0.02\nA,0.5,0.4,0.04,0.02\nB,1,0.5,0.05,0.02\n"


@pytest.mark.parametrize(
    ("given", "written", "parts"),
    [
        ("A,0.5", "A,-0.5", ("studies.csv, line 3", "negative")),
        (
            "A,0.5",
            "A,0",
            ("studies.csv, line 3", "that of the reference arm", "leave the reference's own row"),
        ),
        ("0.02\nB", "0.03\nB", ("study 'A'", "several variances (given: 0.02, 0.03)")),
    ],
)
def test_a_dose_file_is_refused_where_it_is_wrong(
    tmp_path: Path, given: str, written: str, parts: tuple[str, ...]
) -> None:
    message = told(tmp_path, "dose", DOSES.replace(given, written))
    for part in parts:
        assert part in message


def test_a_curve_with_an_estimated_shape_says_how_far_its_errors_reach(tmp_path: Path) -> None:
    # Points of 2 d / (1 + d), so that the shape can be estimated.
    rows = [(s, d, 2 * d / (1 + d)) for s in "ABCDEF" for d in (0.25, 1, 4)]
    text = "study,dose,yi,vi,reference_vi\n" + "".join(f"{s},{d},{y},0.02,0.01\n" for s, d, y in rows)
    assert "to first order only" in told(tmp_path, "dose", text, "--shape", "emax")
    assert "to first order only" not in told(tmp_path, "dose", text, "--shape", "linear")


def test_several_rows_of_one_study_are_no_spread_between_studies(tmp_path: Path) -> None:
    text = "study,effect,yi,vi\nA,1,0.5,0.04\nA,2,0.4,0.04\n"
    assert "all estimates come from one outer group" in told(tmp_path, "multilevel", text)


def test_a_study_that_stands_twice_is_named_in_the_doubt(tmp_path: Path) -> None:
    assert "a study appears more than once (Duek)" in told(tmp_path, "pool", GOOD + "Duek,0.4,0.2\n")


def test_a_folder_without_studies_is_not_read_as_none(tmp_path: Path) -> None:
    run = CliRunner().invoke(evidence, ["check", "--trials", str(tmp_path)])
    assert "no study files in this folder" in str(run.exception)


@pytest.mark.parametrize(
    "verb",
    [
        "pool",
        "regress",
        "multilevel",
        "network",
        "dose",
        "claims",
        "report",
        "diff",
        "import",
        "check",
        "multiverse",
    ],
)
def test_every_help_page_ends_with_a_call_to_copy(verb: str) -> None:
    text = CliRunner().invoke(evidence, [verb, "--help"]).output
    assert f"  openkap evidence {verb} " in text[text.index("Example") :]

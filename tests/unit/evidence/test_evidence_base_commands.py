from __future__ import annotations

import json
from urllib.error import URLError

import pytest
from click.testing import CliRunner

from openkap.commands import evidence_import
from openkap.commands.evidence import evidence
from openkap.core.errors import InputError


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(evidence, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_claims_answers_all_31_and_names_the_silent_trial():
    text = run("claims")
    assert text.count("\nE") >= 1
    assert "NOT IN THIS NUMBER: Abdallah 2022 (158 people)" in text
    data = json.loads(run("claims", "--json"))
    assert len(data["claims"]) == 31


def test_one_claim_by_its_id_and_an_unknown_one_refused():
    assert "E3 " in run("claims", "e3")
    with pytest.raises(InputError, match="no such claim"):
        run("claims", "Z9")


def test_check_passes_on_what_is_shipped_and_names_the_flagged_pools():
    text = run("check")
    for name in ("almeida2024_pcl_end", "sicignano2024_relapse", "sicignano2024_pcl", "du2022_early"):
        assert name in text
    assert len(json.loads(run("check", "--json"))["published"]) == 4


def test_a_retracted_review_is_not_laid_at_the_door_of_a_trial_it_names(tmp_path):
    (tmp_path / "review.nbib").write_text(
        "PMID- 99990011\nTI  - A made-up meta-analysis\nAB  - We pooled NCT00749203 and NCT09990077.\n"
        "PT  - Meta-Analysis\nRIN - Made Up J. 2025;1:1. PMID: 99990012\n"
    )
    text = run("import", str(tmp_path / "review.nbib"))
    assert "rests on a retracted report" not in text
    assert "RETRACTED, do not use: A made-up meta-analysis -> not held" in text
    assert "perhaps about feder2014, NCT00749203: A made-up meta-analysis" in text
    assert "perhaps about no study held, NCT09990077" in text


def test_import_report_and_diff_in_one_go_without_a_code_change(files, tmp_path):
    old, new, trials = (str(tmp_path / name) for name in ("old", "new", "trials"))
    answer = json.loads(run("import", str(files / "three_arms.json"), "--into", trials, "--json"))
    assert answer["studies"][0]["outcomes"] == 7
    run("report", "--out", old, "--as-of", "2026-11-23")
    told = json.loads(run("report", "--out", new, "--as-of", "2026-11-23", "--trials", trials, "--json"))
    assert told["as_of"] == "2026-11-23"
    assert "NCT09990001 was added" in run("diff", old, new)
    assert json.loads(run("diff", old, old, "--json")) == {"changed": False, "changes": []}
    assert "Nothing changed" in run("diff", old, old)
    # A second import does not overwrite what a person may have corrected.
    assert "not overwritten" in run("import", str(files / "three_arms.json"), "--into", trials, code=1)


def test_an_imported_record_of_a_registered_trial_joins_its_study(files, tmp_path):
    record = json.loads((files / "three_arms.json").read_text())
    record["protocolSection"]["identificationModule"]["nctId"] = "NCT02655692"
    (tmp_path / "a.json").write_text(json.dumps(record))
    text = run("import", str(tmp_path / "a.json"), "--into", str(tmp_path / "t"))
    assert "nct02655692: 3 arms, 7 outcomes, 3 harms; belongs to abdallah2022" in text
    data = json.loads(run("claims", "E3", "--trials", str(tmp_path / "t"), "--json"))
    # The made-up numbers are in, so the trial is no longer among the silent.
    assert (
        "3 studies (Abdallah 2022, Duek 2023, Feder 2021; 215 people, 192 in the numbers)"
        in data["claims"][0]["sentence"]
    )
    assert "NOT IN THIS NUMBER: Dadabayev" in data["claims"][0]["sentence"]


def test_results_of_a_trial_that_was_only_registered_make_it_a_study(files, tmp_path):
    record = json.loads((files / "three_arms.json").read_text())
    record["protocolSection"]["identificationModule"]["nctId"] = "NCT04560660"
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert "belongs to nct04560660" in run("import", str(tmp_path / "a.json"), "--into", str(tmp_path / "t"))
    data = json.loads(run("claims", "E3", "--trials", str(tmp_path / "t"), "--json"))
    assert "NCT04560660" in str(data["claims"][0]["parts"][0]["trials"])


def test_references_are_joined_and_a_retraction_is_loud(files):
    text = run("import", str(files / "articles.xml"), str(files / "articles.ris"))
    assert "RETRACTED, do not use: Dose-related effects" in text
    assert "2 reports of 2 studies" in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "Study,Experimental cases,Experimental N,Control cases,Control N\nA,1,10,2,11\n", "1 rows"),
        ("a.txt", "hello", "form of the file cannot be told"),
    ],
)
def test_the_form_of_a_file_is_told_by_its_content(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    assert said in run("import", str(tmp_path / name), code=0 if "rows" in said else 1)


def test_a_number_is_fetched_when_there_is_a_network_and_refused_with_its_address_when_not(
    monkeypatch, files
):
    asked = []

    def no_network(address, timeout):
        asked.append(address)
        raise URLError("no network")

    monkeypatch.setattr(evidence_import, "urlopen", no_network)
    text = run("import", "NCT02655692", "pmid:35046508", code=1)
    assert asked == [
        "https://clinicaltrials.gov/api/v2/studies/NCT02655692",
        "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/efetch.fcgi?db=pubmed&retmode=xml&id=35046508",
    ]
    assert "download the address elsewhere and give the file" in text

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self):
            return (files / "three_arms.json").read_bytes()

    monkeypatch.setattr(evidence_import, "urlopen", lambda address, timeout: Answer())
    assert "nct09990001: 3 arms" in run("import", "NCT09990001")


def test_what_is_neither_file_nor_number_is_refused_and_the_rest_is_still_read(files):
    text = run("import", "nonsense", str(files / "articles.ris"), code=1)
    assert "neither a file nor a number" in text
    assert "2 reports" in text


def test_a_second_extraction_is_compared_field_by_field(tmp_path):
    from openkap.core.content import SHIPPED

    source = (SHIPPED / "trials" / "feder2014.yaml").read_text(encoding="utf-8")
    (tmp_path / "feder2014.yaml").write_text(
        source.replace("estimate: -12.7", "estimate: -12.1"), encoding="utf-8"
    )
    text = run("check", "--against", str(tmp_path / "feder2014.yaml"))
    assert "second-extractor" in text
    assert "-12.1" in text


def test_a_table_becomes_one_that_pool_reads(tmp_path):
    head = "Study,Experimental mean,Experimental SD,Experimental N,Control mean,Control SD,Control N\n"
    (tmp_path / "rm.csv").write_text(head + "A,1,2,10,3,2,11\nB,2,2,12,3,3,14\n")
    text = run("import", str(tmp_path / "rm.csv"), "--into", str(tmp_path / "out"))
    table = tmp_path / "out" / "rm_continuous.csv"
    assert f"written: {table}" in text
    assert table.read_text().splitlines()[:2] == [
        "study,mean1,sd1,n1,mean2,sd2,n2,analysis,subgroup",
        "A,1.0,2.0,10.0,3.0,2.0,11.0,,",
    ]
    assert json.loads(run("pool", str(table), "--measure", "MD", "--json"))
    assert "not overwritten" in run(
        "import", str(tmp_path / "rm.csv"), "--into", str(tmp_path / "out"), code=1
    )

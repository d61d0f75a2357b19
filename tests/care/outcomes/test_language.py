"""What a patient reads by their link is in their language; where that is not there, in English, and it says so."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from openkap.care.outcomes import planning
from openkap.care.outcomes.actions import ask, fresh_link
from openkap.care.outcomes.follow_up import form_of
from openkap.care.outcomes.models import Form, Invitation
from openkap.care.outcomes.patient_words import FOLDER, _read, patient_words, translations
from openkap.core.content import SHIPPED, parse_document
from openkap.core.errors import ContentError

CARE = SHIPPED.parent / "care"
HOUSE = "http://127.0.0.1:8000"
# Names and numbers that belong to no language: the clinic, its help line, the short names of the scales.
NAMES = ("OpenKAP", "Harbour Clinic (synthetic)", "Crisis line", "+1 555 0100", "PCL-5", "PHQ-9", "Síntomas")
MONTHS = "(?:ene|feb|mar|abr|may|jun|jul|ago|sep|oct|nov|dic)"
DAY = rf"\d{{1,2}} {MONTHS}(?: \d{{4}})?"
MONTH = rf"{MONTHS} \d{{4}}"
MARKS = r"[\d:,.()→–×✓↑↓ -]+"


class Texts(HTMLParser):
    """Every text that a page shows or reads aloud, and the language of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language = ""
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "html":
            self.language = given["lang"]
        self.hidden += tag in ("script", "style")
        self.texts += [
            given[name] for name in ("aria-label", "title", "placeholder", "alt") if given.get(name)
        ]

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden and data.strip():
            self.texts.append(" ".join(data.split()))


def read(answer):
    found = Texts()
    found.feed(answer.content.decode())
    return found


@pytest.fixture(scope="module")
def is_spanish():
    """Whether a text is made of sentences of the catalogue, names, numbers and Spanish days alone."""
    held = translations()["es"]
    names = "|".join(map(re.escape, NAMES))
    titles = "|".join(re.escape(each.name) for each in held.instruments.values())
    filled = rf"(?:(?:{names}): (?:{titles})|{names}|{DAY}|{MARKS})"

    def pattern(sentence):
        return filled.join(map(re.escape, re.split(r"\{\w+\}", sentence)))

    labels = [
        text for each in held.instruments.values() for text in (each.name, each.recall, *each.items.values())
    ]
    labels += [each.recall.partition(";")[0] for each in held.instruments.values() if each.recall]
    said = [*held.sentences.values(), *held.occasions.values(), *held.gaps.values(), *labels]
    said += [word for words in held.answers.values() for word in words]
    time = "|".join(re.escape(each.recall.partition(";")[0]) for each in held.instruments.values())
    said_of_time = held.pages["{time}: how much has this been so for you?"].replace("{time}", "")
    parts = [*map(pattern, said), rf"(?:{time}){re.escape(said_of_time)}", names, DAY, MONTH, MARKS]
    whole = re.compile(rf"(?:(?:{'|'.join(sorted(parts, key=len, reverse=True))})[ ,.:;]*)+", re.IGNORECASE)
    return lambda text: whole.fullmatch(text) is not None


@pytest.fixture
def rosa(register):
    return register("Ejemplo", "Rosa", language="es", email="rosa@example.org")


def asked_of(cast, patient, *names):
    return ask(by=cast.actor("cora"), uid=patient.uid, instruments=names or ["pcl-5", "phq-9"])


def link_to(asked):
    return fresh_link(asked).removeprefix(HOUSE)


def in_full(asked, value):
    return {
        f"{form.uid}:{item}": str(value)
        for form in Form.objects.filter(invitation=asked)
        for item in form_of(form.instrument).items_by_id
    }


def english_on(is_spanish, answer):
    return [text for text in read(answer).texts if not is_spanish(text)]


def test_the_reader_of_this_test_is_awake(is_spanish):
    assert is_spanish("Gracias. Ya está.")
    assert is_spanish("PCL-5 de 20 el 23 dic 2026 a 40 el 3 ene 2027, 2 mediciones.")
    assert is_spanish("El último mes: ¿cuánto le ha pasado esto?")
    for text in (
        "Thank you",
        "Nightmares",
        "Part 1 of 2",
        "Gracias. That is done.",
        "Ayuda ahora: call us",
        "3 Jan 2027",
    ):
        assert not is_spanish(text)


def test_a_spanish_patient_reads_no_english_from_the_message_to_the_curve(
    cast, rosa, watch, outbox, is_spanish
):
    earlier, missed = asked_of(cast, rosa), asked_of(cast, rosa)
    phone = Client()
    phone.post(link_to(earlier), in_full(earlier, 2) | {"act": "finish"})
    watch.forward(days=8)
    planning.close_missed("w")
    asked = asked_of(cast, rosa, "pcl-5", "phq-9", "gad-7", "isi", "c-ssrs-screener", "check-in")
    planning.send_due("w")
    link = link_to(asked)
    pages = [phone.get(link)]
    pages.append(phone.post(link, {f"{Form.objects.get(invitation=asked, instrument='phq-9').uid}:9": "3"}))
    pages.append(phone.post(link, in_full(asked, 1) | {"act": "finish"}, follow=True))
    pages.append(Client().get(link, follow=True))
    pages.append(phone.get(link_to(missed)))
    pages.append(phone.post(link_to(missed), {"act": "save"}))
    watch.forward(days=40)
    pages.append(phone.get(link))
    assert [english_on(is_spanish, page) for page in pages] == [[]] * len(pages)
    assert {read(page).language for page in pages} == {"es"}
    assert {page.headers["Content-Language"] for page in pages} == {"es"}
    assert "Cómo ha cambiado" in pages[2].content.decode()
    assert "sin respuesta a tiempo" in pages[2].content.decode()


def test_the_messages_are_in_the_patients_language(cast, rosa, watch):
    from openkap.care.messaging.models import Message

    asked_of(cast, rosa)
    planning.send_due("w")
    watch.forward(days=4)
    planning.remind_due("w")
    first, reminder = Message.objects.filter(purpose="measure").order_by("pk")
    assert first.subject == reminder.subject == "Unas preguntas de su clínica"
    assert first.body.startswith("Por favor, responda unas preguntas aquí: http")
    assert reminder.body.startswith("Un recordatorio: las preguntas siguen abiertas: http")


def test_what_the_server_refuses_is_said_in_the_patients_language(cast, rosa):
    asked = asked_of(cast, rosa)
    token = link_to(asked).removeprefix("/a/").rstrip("/")
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    at = "2026-11-23T09:00:00Z"
    wrong = {"form": form.uid, "item": "1", "value": 9, "client_id": "mark-0001", "answered_at": at}
    right = wrong | {"value": 1, "client_id": "mark-0002"}

    def post(*answers, name="link_answers"):
        body = {"answers": answers} if answers else {}
        url = reverse(f"api:{name}", args=[token])
        return Client().post(url, json.dumps(body), content_type="application/json").json()

    assert post(wrong)["what"] == "esa no es una de las respuestas"
    assert post(wrong, right)["refused"][0]["remedy"] == "elija una de ellas"
    Invitation.objects.filter(pk=asked.pk).update(closed_at=asked.created_at, gap="declined")
    assert post(name="link_finish")["what"] == "este enlace ha terminado"


def test_a_link_that_cannot_be_read_speaks_the_language_of_the_browser(db, is_spanish):
    sent = {"abc123:9": "3"}
    page = Client().post("/a/rubbish/", sent, headers={"accept-language": "es-MX,es;q=0.9"})
    assert "Pregunta 9: 3" in page.content.decode()
    assert english_on(is_spanish, page) == []
    assert read(page).language == "es"
    assert read(Client().get("/a/rubbish/")).language == "en"


def test_a_language_that_is_not_there_stands_in_english_and_says_so(cast, register):
    page = Client().get(link_to(asked_of(cast, register("Beispiel", language="de"))))
    assert read(page).language == "en"
    assert "it is not there in your language yet" in page.content.decode()
    assert (
        "not there in your language"
        not in Client().get(link_to(asked_of(cast, register("English")))).content.decode()
    )


def test_our_translated_labels_say_that_they_are_no_validated_translation(cast, rosa, register):
    page = Client().get(link_to(asked_of(cast, rosa))).content.decode()
    assert "Pesadillas" in page
    assert page.count("no una traducción validada") == 2
    assert "validated" not in Client().get(link_to(asked_of(cast, register("English")))).content.decode()


def test_a_form_without_spanish_labels_stands_in_english_and_is_marked(cast, rosa):
    page = Client().get(link_to(asked_of(cast, rosa, "wsas"))).content.decode()
    assert "Estas preguntas solo existen en inglés" in page
    assert re.search(r'<fieldset class="question" lang="en"[^>]*>\s*<legend>Work<', page)
    assert '<html lang="es">' in page


def test_the_official_spanish_form_is_shown_before_our_labels_and_an_english_one_is_not(
    cast, rosa, settings, tmp_path
):
    from openkap.instruments.wording import Wording, save

    settings.VAR = tmp_path
    instrument = form_of("phq-9")
    link = link_to(asked_of(cast, rosa, "phq-9"))

    def imported(language, text):
        items = dict.fromkeys(instrument.items_by_id, text)
        kept = Wording("phq-9", instrument.version, language, "PHQ-9", "", items, {}, "0" * 64)
        save(kept, tmp_path / "wording")

    imported("en", "Official English")
    assert "Ánimo bajo" in Client().get(link).content.decode()
    imported("es", "Texto oficial")
    page = Client().get(link).content.decode()
    assert "Texto oficial" in page
    assert "no una traducción validada" not in page


def test_of_a_merged_record_the_language_of_the_record_in_use_counts(cast, register, rosa):
    from openkap.care.patients.merging import merge

    absorbed = register("Example", "Rosa")
    link = link_to(asked_of(cast, absorbed))
    merge(by=cast.actor("cora"), keep=rosa.uid, absorb=absorbed.uid, reason="the same person")
    assert read(Client().get(link)).language == "es"


def test_the_persons_own_curve_names_no_limit_and_no_verdict(cast, patient, watch):
    phone = Client()
    for value in (4, 0):
        asked = asked_of(cast, patient, "pcl-5")
        page = phone.post(link_to(asked), in_full(asked, value) | {"act": "finish"}, follow=True)
        watch.forward(days=8)
    shown = " ".join(read(page).texts)
    assert "The same in numbers" in shown
    assert [word for word in ("remission", "cut-off", "response", "relapse", "PCL-5") if word in shown] == []
    assert "more symptoms" in shown


def said_in(text, opening):
    return {found for _, found in re.findall(opening + r"""(["'])(.*?)\1""", text)}


def sentences_in_use():
    """What pages, scripts and modules say to a patient, as it stands there."""
    templates = [
        *CARE.glob("outcomes/templates/outcomes/*.html"),
        *CARE.glob("templates/components/traj*.html"),
    ]
    found = set().union(*(said_in(path.read_text(), r"{% say ") for path in templates))
    for path in (CARE / "static/js").glob("*.js"):
        found |= said_in(path.read_text(), r"\bsay\(")
    for path in (CARE / "outcomes").glob("*.py"):
        found |= said_in(path.read_text(), r"\bsay\(\s*")
    found |= {planning.SUBJECT, planning.BODY, planning.REMINDER}
    figures = (CARE / "outcomes/figures.py").read_text()
    found |= said_in(figures, r"moved = ")
    return found | plain_sentences() | refusals()


def texts_of(node):
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def functions(module):
    tree = ast.parse((CARE / module).read_text())
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def plain_sentences():
    return {
        text for text in texts_of(functions("outcomes/plain_words.py")["_sentences"]) if text.endswith(".")
    }


def refusals():
    """The first words and the remedies of every refusal that the acts behind a link can end in."""
    places = {
        "accounts/links.py": ["open_link"],
        "outcomes/access.py": ["through_link", "_behind"],
        "outcomes/actions.py": ["_answer_row", "refuse_closed"],
    }
    found = set()
    for module, names in places.items():
        for name in names:
            for node in ast.walk(functions(module)[name]):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                    parts = [*node.args, *(each.value for each in node.keywords if each.arg == "remedy")]
                    found |= set().union(*map(texts_of, parts))
    from openkap.care.outcomes.access import ENDED

    return found | {ENDED}


@pytest.mark.parametrize("language", sorted(translations()))
def test_every_sentence_a_patient_may_read_is_translated_and_no_other(language):
    held = set(translations()[language].sentences)
    assert sentences_in_use() - held == set()
    assert held - sentences_in_use() == set()


@pytest.mark.parametrize("language", sorted(translations()))
def test_the_forms_that_treatment_asks_for_have_labels_in_every_language(language):
    from openkap.care.outcomes.follow_up import follow_up

    asked = {name for plan in follow_up().occasions for name in plan.instruments}
    assert asked <= set(translations()[language].instruments)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"Guardado a las {time} en el', '"Guardado en el', "places to fill"),
        ("  baseline: Antes del tratamiento\n", "", "occasions differ"),
        ('["no", "sí"]', '["no"]', "answers differ"),
        ("pesadillas\n", 'pesadillas\n      "77": más\n', "items of pcl-5 differ"),
    ],
)
def test_a_translation_that_does_not_fit_its_original_does_not_load(before, after, says):
    path = next((SHIPPED / FOLDER).glob("es-*.yaml"))
    text = path.read_text()
    assert before in text
    with pytest.raises(ContentError, match=says):
        _read(parse_document(text.replace(before, after).encode(), Path("es.yaml")))


def test_a_tag_with_a_region_finds_its_language():
    assert patient_words("es-MX").language == "es"
    assert patient_words("").language == "en"
    assert not patient_words("").is_missing

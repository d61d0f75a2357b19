"""How the clinic does, for the lead: counts and shares, small numbers held back, what is missing beside."""

from __future__ import annotations

from django.db.models import Count, Q
from django.db.models.functions import Coalesce

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem, Section
from openkap.care.outcomes.models import Invitation, SafetySignal
from openkap.care.patients.models import Patient
from openkap.care.patients.phases import WORDS, phase
from openkap.registry.disclosure import THRESHOLD

# Fewer people than this could be guessed: the number is held back, here as in the registry's results.
SMALLEST = THRESHOLD
# In the place of small numbers and of larger ones that would give them away, so that they look alike.
HELD_BACK = "held back"


def clinic_numbers(by: Actor) -> list[Section]:
    """Three sections: people by phase, measures answered, safety answers."""
    return [_phases(by), _outcomes(by), _safety(by)]


def counted(number: int, whole: int | None = None) -> str:
    """A count, with its share; a small one is held back, zero is not small."""
    if whole and 0 < number < whole < 2 * SMALLEST - 1:
        # Of eleven "more than nine" is ten: one would be told of.
        return f"some of {whole}"
    if 0 < number < SMALLEST:
        return f"fewer than {SMALLEST}"
    if not whole:
        return str(number)
    # The rest could be worked out from the share when it is small.
    if 0 < whole - number < SMALLEST:
        return f"more than {whole - SMALLEST} of {whole}"
    return f"{number} of {whole} ({round(100 * number / whole)} %)"


def also_hidden(numbers: dict[str, int]) -> set[str]:
    """Which larger numbers are held back with the small ones, so that none follows from the total.

    The total stands elsewhere: at least two are hidden, and each of them could be one to nine.
    """
    hidden = {name for name, number in numbers.items() if 0 < number < SMALLEST}
    if not hidden:
        return set()
    also: set[str] = set()
    rest = sorted((number, name) for name, number in numbers.items() if number >= SMALLEST)
    for _, name in rest:
        many = len(hidden) + len(also)
        if many > 1 and sum(numbers[each] for each in hidden | also) >= SMALLEST + many - 2:
            break
        also.add(name)
    return also


def held_back(numbers: dict[str, int]) -> set[str]:
    """All that is held back where several are: which of them is small would, with their sum, tell of them."""
    hidden = {name for name, number in numbers.items() if 0 < number < SMALLEST} | also_hidden(numbers)
    return hidden if len(hidden) > 1 else set()


def _phases(by: Actor) -> Section:
    here = Patient.objects.filter(clinic_id=by.clinic_id).exclude(status=Patient.Status.MERGED)
    numbers = dict(here.annotate(phase=phase()).values_list("phase").annotate(Count("pk")).order_by())
    hidden = held_back(numbers)
    lines = tuple(
        BannerItem(words.capitalize(), HELD_BACK if name in hidden else counted(numbers[name]))
        for name, words in WORDS.items()
        if numbers.get(name)
    )
    return Section("Patients by phase", lines, empty="No patients yet.")


def _outcomes(by: Actor) -> Section:
    """How many of the measures that fell due were answered.

    What the answers say stands in the registry's section, where the missing are counted in.
    """
    asked = Invitation.objects.filter(patient__clinic_id=by.clinic_id).aggregate(
        answered=Count("pk", filter=Q(finished_at__isnull=False)),
        missing=Count("pk", filter=Q(closed_at__isnull=False)),
    )
    due = asked["answered"] + asked["missing"]
    told = counted(asked["answered"], due) if due else "none due"
    return Section("Measures", (BannerItem("Answered of those due", told),))


def _safety(by: Actor) -> Section:
    found = SafetySignal.objects.filter(patient__clinic_id=by.clinic_id).aggregate(
        raised=Count("pk"),
        waiting=Count("pk", filter=Q(acknowledged_at__isnull=True)),
        # People, not answers.
        run_out=Count(
            Coalesce("patient__merged_into", "patient"),
            filter=Q(acknowledged_at__isnull=True, all_called_at__isnull=False),
            distinct=True,
        ),
        escalated=Count("pk", filter=Q(level__gt=0)),
    )
    # As above: whoever runs the clinic can telephone somebody.
    run_out = BannerItem("Everybody named was called, nobody answered", str(found["run_out"]), "alarm")
    lines = (
        BannerItem("Alarming answers", counted(found["raised"])),
        # Whether anybody waits is a matter of safety, not of statistics: it is never held back.
        BannerItem("Not acknowledged yet", str(found["waiting"]), "alarm" if found["waiting"] else "plain"),
        BannerItem("Escalated to a wider circle", counted(found["escalated"])),
    )
    return Section("Answers that needed a person", (*lines, run_out) if found["run_out"] else lines)

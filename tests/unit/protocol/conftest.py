"""A person about whom everything is known and nothing speaks against, to be changed one fact at a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Facts, parse_facts

AS_OF = datetime(2026, 11, 23, 9, tzinfo=UTC)
WELL: dict[str, Any] = {
    "age": "41 a", "sex": "female", "ptsd_dsm5_confirmed": "yes", "caps5_total_past_month": 38, "pcl5_total": 45,
    "criterion_a_event_recorded_lec5": "yes", "trauma_focused_psychotherapy_offered_or_ongoing": "yes",
    "failed_evidence_based_ptsd_medication_trials": 2, "psychotropic_dose_stable_days": "60 d",
    "has_capacity_and_signed_consent": "yes", "reading_grade_level": 9, "support_person_named": "yes",
    "mental_health_professional_and_medical_professional_named": "yes", "aneurysmal_vascular_disease": "no",
    "arteriovenous_malformation": "no", "history_intracerebral_haemorrhage": "no",
    "hypersensitivity_ketamine_or_esketamine": "no", "myocardial_infarction": "never", "could_be_pregnant": "no",
    "breastfeeding": "no", "current_psychosis": "no", "lifetime_primary_psychotic_disorder": "no",
    "current_mania_or_hypomania": "no", "lifetime_ketamine_or_pcp_use_disorder": "no",
    "alcohol_or_drug_use_disorder_moderate_severe": "never", "uncontrolled_severe_cardiovascular_disease": "no",
    "raised_intracranial_pressure_or_intracranial_mass": "no", "severe_hepatic_impairment": "no",
    "theophylline_or_aminophylline": "no", "lacks_decision_capacity": "no", "dementia_or_delirium": "no",
    "sbp_resting": "124 mm[Hg]", "dbp_resting": "78 mm[Hg]", "hypertensive_encephalopathy_history": "no",
    "stroke_or_tia_history": "no", "angina_valve_disease_heart_failure_or_arrhythmia": "no", "qtcf": "410 ms",
    "ecg_findings": "none", "copd_or_pulmonary_insufficiency": "no", "sleep_apnoea_untreated": "no",
    "hyperthyroidism_uncontrolled": "no", "raised_intraocular_pressure_or_glaucoma": "no",
    "epilepsy_or_unexplained_seizure": "no", "traumatic_brain_injury_moderate_or_severe": "no",
    "bipolar_disorder_history": "no", "first_degree_relative_psychosis": "no",
    "suicidal_ideation_with_intent_or_plan": "no", "unexpected_uds_positive": "no",
    "recreational_ketamine_or_pcp_past_year": 0, "lorazepam_equivalent_daily": "0 mg/d", "opioid_use": "never",
    "maoi": "no", "psychostimulant_same_day": "no", "cns_depressant_or_alcohol": "no", "alt": "22 U/L",
    "ast": "20 U/L", "ggt": "25 U/L", "bilirubin_total": "9 umol/L", "albumin": "42 g/L", "alp": "70 U/L",
    "hepatic_impairment_moderate": "no", "cystitis_or_unexplained_luts": "no", "body_weight": "94 kg",
    "height": "185 cm", "dissociative_disorder_or_dissociative_subtype": "no",
    "previous_adverse_reaction_ketamine": "no",
}  # fmt: skip


@pytest.fixture
def person() -> Callable[..., Facts]:
    """Facts of the well person, changed by keyword; ``None`` leaves a fact out."""

    def make(**changes: Any) -> Facts:
        known = {name: value for name, value in {**WELL, **changes}.items() if value is not None}
        return parse_facts({"patient": "R-1", "facts": known}, dictionary(), as_of=AS_OF)

    return make

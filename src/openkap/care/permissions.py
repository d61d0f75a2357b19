"""Who may do what: seven roles, and one line for each right. No role has a right that is not written here."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The parts people play in one clinic."""

    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    THERAPIST = "therapist"
    COORDINATOR = "coordinator"
    LEAD = "lead"
    SITE_ADMIN = "site_admin"
    AUDITOR = "auditor"

    @property
    def words(self) -> str:
        """For the screen."""
        return {"nurse": "session nurse", "site_admin": "site administrator"}.get(self.value, self.value)


class Permission(StrEnum):
    """A right, named as the act it allows."""

    # patients
    SEE_PATIENT = "see_patient"
    SEARCH_PATIENTS = "search_patients"
    REGISTER_PATIENT = "register_patient"
    EDIT_PATIENT = "edit_patient"
    MERGE_PATIENTS = "merge_patients"
    MANAGE_CARE_TEAM = "manage_care_team"
    RESTRICT_PATIENT = "restrict_patient"
    RECORD_DEATH = "record_death"
    BREAK_GLASS = "break_glass"
    PROPOSE_ERASURE = "propose_erasure"
    CONFIRM_ERASURE = "confirm_erasure"
    # enrolment
    SCREEN = "screen"
    DECIDE_ELIGIBILITY = "decide_eligibility"
    TAKE_CONSENT = "take_consent"
    COUNTERSIGN_CONSENT = "countersign_consent"
    WITHDRAW_CONSENT = "withdraw_consent"
    RELEASE_CONSENT_TEXT = "release_consent_text"
    # treatment
    PLAN_COURSE = "plan_course"
    PRESCRIBE = "prescribe"
    GIVE_DOSE = "give_dose"
    CHECK_DOSE = "check_dose"
    RECORD_TEST = "record_test"
    RECORD_SESSION = "record_session"
    DISCHARGE = "discharge"
    WRITE_THERAPY_NOTE = "write_therapy_note"
    READ_THERAPY_NOTE = "read_therapy_note"
    # outcomes
    SEND_MEASURE = "send_measure"
    SEE_OUTCOMES = "see_outcomes"
    ANSWER_PAGE = "answer_page"
    # the clinic
    SEE_AGGREGATES = "see_aggregates"
    MANAGE_STAFF = "manage_staff"
    MANAGE_CREDENTIALS = "manage_credentials"
    READ_AUDIT = "read_audit"
    REVIEW_BREAK_GLASS = "review_break_glass"


_P, _N, _T, _C, _L, _S, _A = Role

# right -> the roles that have it
HOLDERS: dict[Permission, tuple[Role, ...]] = {
    Permission.SEE_PATIENT: (_P, _N, _T, _C),
    Permission.SEARCH_PATIENTS: (_P, _N, _T, _C),
    Permission.REGISTER_PATIENT: (_P, _N, _C),
    Permission.EDIT_PATIENT: (_P, _N, _T, _C),
    Permission.MERGE_PATIENTS: (_P, _C),
    Permission.MANAGE_CARE_TEAM: (_P, _C),
    Permission.RESTRICT_PATIENT: (_P,),
    Permission.RECORD_DEATH: (_P, _N, _T, _C),
    Permission.BREAK_GLASS: (_P, _N, _T),
    Permission.PROPOSE_ERASURE: (_P, _C),
    Permission.CONFIRM_ERASURE: (_L, _S),
    Permission.SCREEN: (_P, _N, _C),
    Permission.RECORD_TEST: (_P, _N, _C),
    Permission.DECIDE_ELIGIBILITY: (_P,),
    Permission.TAKE_CONSENT: (_P, _N, _C),
    Permission.COUNTERSIGN_CONSENT: (_P,),
    Permission.WITHDRAW_CONSENT: (_P, _N, _T, _C),
    Permission.RELEASE_CONSENT_TEXT: (_P,),
    Permission.PLAN_COURSE: (_P, _C),
    Permission.PRESCRIBE: (_P,),
    Permission.GIVE_DOSE: (_P, _N),
    Permission.CHECK_DOSE: (_P, _N),
    Permission.RECORD_SESSION: (_P, _N),
    Permission.DISCHARGE: (_P, _N),
    Permission.WRITE_THERAPY_NOTE: (_P, _T),
    Permission.READ_THERAPY_NOTE: (_P, _T),
    Permission.SEND_MEASURE: (_P, _N, _T, _C),
    Permission.SEE_OUTCOMES: (_P, _N, _T, _C),
    Permission.ANSWER_PAGE: (_P, _N, _T, _C),
    Permission.SEE_AGGREGATES: (_L,),
    Permission.MANAGE_STAFF: (_S,),
    Permission.MANAGE_CREDENTIALS: (_S,),
    Permission.READ_AUDIT: (_A,),
    Permission.REVIEW_BREAK_GLASS: (_A,),
}


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """Every right that at least one of the roles has."""
    return frozenset(right for right, holders in HOLDERS.items() if roles & set(holders))

from django.apps import AppConfig


class EnrolmentConfig(AppConfig):
    name = "openkap.care.enrolment"
    label = "enrolment"
    verbose_name = "Screening and consent"

from django.apps import AppConfig


class TreatmentConfig(AppConfig):
    name = "openkap.care.treatment"
    label = "treatment"
    verbose_name = "Course, session and therapy"

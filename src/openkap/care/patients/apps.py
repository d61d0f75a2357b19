from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "openkap.care.patients"
    label = "patients"
    verbose_name = "Patients"

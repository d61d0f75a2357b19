from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    name = "openkap.care.outcomes"
    label = "outcomes"
    verbose_name = "Measures and follow-up"

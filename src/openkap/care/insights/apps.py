from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "openkap.care.insights"
    label = "insights"
    verbose_name = "Dashboards"

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "openkap.care.api"
    label = "api"
    verbose_name = "JSON API"

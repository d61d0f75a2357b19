from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "openkap.care.demo"
    label = "demo"
    verbose_name = "Demo clinic"

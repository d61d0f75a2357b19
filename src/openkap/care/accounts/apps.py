from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "openkap.care.accounts"
    label = "accounts"
    verbose_name = "People and rights"

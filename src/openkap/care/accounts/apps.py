from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "openkap.care.accounts"
    label = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        from openkap.care.accounts import checks, logins  # noqa: F401 - registers them

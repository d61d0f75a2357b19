"""Decisions about the registry, extracts and benchmarks stay as they were written."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("insights", "0001_initial")]

    operations = [
        ProtectRows("RegistryDecision"),
        ProtectRows("AccessFact"),
        ProtectRows(
            "ExtractRun",
            mutable=(
                *("begun_at", "ended_at", "release", "data_fingerprint", "key_mark", "is_whole"),
                *("people", "without_consent", "withdrawn", "trouble"),
            ),
        ),
        ProtectRows("BenchmarkRun"),
    ]

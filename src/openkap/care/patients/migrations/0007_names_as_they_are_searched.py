"""The searched form of names that are stored already: apostrophes, ø and ue as they are typed now."""

from django.db import migrations

from openkap.care.patients.names import search_form


def write_anew(apps, schema_editor):
    rows = apps.get_model("patients", "Identity").objects.using(schema_editor.connection.alias)
    for row in rows.iterator():
        form = search_form(row.family_name, row.given_name, row.preferred_name)
        if form != row.search_name:
            rows.filter(pk=row.pk).update(search_name=form)


class Migration(migrations.Migration):
    dependencies = [("patients", "0005_erase_only_what_was_confirmed")]
    operations = [migrations.RunPython(write_anew, migrations.RunPython.noop)]

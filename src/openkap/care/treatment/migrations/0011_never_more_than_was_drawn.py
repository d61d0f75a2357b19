"""Nothing is given or wasted of a session's drug that is not in somebody's hand."""

from django.db import migrations

from openkap.care.database_guards import RefuseWhen

MORE_THAN_DRAWN = """NEW.session_id IS NOT NULL AND NEW.kind IN ('given', 'wasted', 'returned')
AND NEW.amount_ug > COALESCE((
    SELECT SUM(CASE WHEN held.kind IN ('drawn', 'reversed') THEN held.amount_ug
                    WHEN held.kind IN ('given', 'wasted', 'returned') THEN -held.amount_ug
                    ELSE 0 END)
    FROM treatment_ledgerentry AS held WHERE held.session_id = NEW.session_id
), 0)"""


class Migration(migrations.Migration):
    dependencies = [("treatment", "0010_handover")]

    operations = [
        RefuseWhen("LedgerEntry", "ledger_in_hand", MORE_THAN_DRAWN, "more than was drawn and is left"),
    ]

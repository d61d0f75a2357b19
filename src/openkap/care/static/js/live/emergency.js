// The emergency card of the site, and the red flag that is recorded from it. It says "recorded" when the record
// has it, and what stands in the way until then.

import { node } from "./pad.js";

const FLAG = "bp_with_red_flag_symptom";
const LOOK_MS = 300;

export function emergencyCard(page) {
  const dialog = document.createElement("dialog");
  dialog.className = "emergency";
  const title = node("h2", "", "‼ Emergency card");
  // Opened at its top: the first thing a dialog would go to is the button at its end.
  title.tabIndex = -1;
  title.autofocus = true;
  const lines = node("dl", "site-lines");
  for (const [label, value] of page.data.emergency_site) lines.append(node("dt", "", label), value ? node("dd", "", value) : node("dd", "not-known", "not set by this site"));
  const list = node("ol");
  list.append(...page.data.emergency.map((each) => node("li", "", each.text)));
  const flag = page.data.extra.find((each) => each.id === FLAG);
  const acts = node("div", "panel-acts");
  const close = node("button", "quiet", "Close the card");
  close.addEventListener("click", () => dialog.close());
  if (page.mayWrite) acts.append(...recorder(page, dialog));
  else acts.append(node("p", "alarm", "Your account does not write in the session: call the nurse or the prescriber, who record it."));
  acts.append(close);
  dialog.append(title, lines, list, node("p", "", flag.ask), acts);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// The button, and what has become of what it sent.
function recorder(page, dialog) {
  const record = node("button", "danger", "Record red-flag symptom now");
  const said = node("p", "flag-said");
  said.setAttribute("role", "status");
  record.addEventListener("click", async () => {
    record.disabled = true;
    const entry = await page.send("vitals", { values: { [FLAG]: "yes" } });
    if (!entry) {
      record.disabled = false;
      said.textContent = "NOT recorded: this tablet cannot keep it. Write it on paper, and tell the prescriber.";
      return;
    }
    const look = () => { said.textContent = whereItIs(page, entry); };
    look();
    const looking = setInterval(look, LOOK_MS);
    dialog.addEventListener("close", () => clearInterval(looking));
  });
  return [record, said];
}

function whereItIs(page, entry) {
  const held = page.outbox.entries.find((each) => each.id === entry.id);
  const at = page.time(page.outbox.observedAt(entry));
  if (!held) return `Recorded, seen ${at}.`;
  if (held.status !== "waiting") return `NOT recorded: ${held.said?.what ?? "refused"}. Decide in the list of events; tell the prescriber.`;
  return `Kept on this tablet, not saved yet (seen ${at}). The others do not see it: call them.`;
}

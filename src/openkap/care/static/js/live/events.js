// The panel of adverse events: what is recorded, by when a serious one is reported, a new one, and an update.

import { eventInWords, reportInWords } from "./log.js";
import { node } from "./pad.js";
import { button, input, labelled, select } from "./panels.js";

const LABELS = { term: "What", grade: "Grade", relation: "Related to the drug", action_taken: "Done with the drug", outcome: "Outcome", serious_because: "Serious because (leave if not)" };
const MINUTE = 60_000;

// `old` is the event that is updated: a new line that names it, with the reason.
export function eventPanel(page, old = null) {
  const box = node("div");
  box.append(old ? node("h2", "", `Update: ${page.time(old.at)} ${old.term}`) : recorded(page));
  const form = node("form", "panel-grid");
  const fields = choices(page.data.events);
  for (const [name, field] of Object.entries(fields)) {
    field.value = old?.[name] ?? "";
    form.append(labelled(LABELS[name], field));
  }
  const ended = clockField("Ended, 24 hours", old?.ended ? page.time(old.ended) : "");
  const treatment = input("text");
  treatment.value = old?.treatment ?? "";
  const words = input("text", { placeholder: "in the patient's words" });
  words.value = old?.words ?? "";
  const began = old ? clockField("Began, 24 hours", page.time(old.at)) : null;
  if (began) form.append(labelled("Began, hh:mm", began));
  form.append(labelled("Ended, hh:mm (leave empty while it goes on)", ended), labelled("Treatment given (leave if none)", treatment), labelled("Words", words, "wide"));
  const reason = input("text", { "aria-label": "Why" });
  if (old) form.append(labelled("Why (stays in the record)", reason, "wide"));
  const at = page.when();
  const acts = node("div", "panel-acts wide");
  if (!old) acts.append(at.root);
  acts.append(node("button", "", old ? "Save update" : "Save event"));
  if (old) acts.append(button("Leave it", () => page.open("event"), "quiet"));
  form.append(acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = Object.entries(fields).find(([name, field]) => name !== "serious_because" && !field.value);
    if (missing) {
      page.say(`${LABELS[missing[0]]} is missing.`);
      return missing[1].focus();
    }
    if (old && !reason.value.trim()) {
      page.say("Why? The reason stays in the record.");
      return reason.focus();
    }
    const seen = at.value();
    const onset = old ? onsetOf(page, began.value, old) : typeof seen === "number" ? seen : Math.round(page.clock.now()) - (seen?.back ?? 0);
    if (onset === null) return began.focus();
    const until = endOf(page, ended.value, old, onset);
    if (until === undefined) return ended.focus();
    if (until !== null && until < onset) {
      page.say(`It ended ${ended.value}, before it began ${page.time(onset)}. Correct one of them.`);
      return ended.focus();
    }
    const payload = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
    Object.assign(payload, { is_serious: Boolean(payload.serious_because), words: words.value, treatment: treatment.value, ended_at: until === null ? "" : new Date(until).toISOString() });
    if (old) Object.assign(payload, { corrects: old.id, reason: reason.value.trim() });
    // Seen now: the tablet's clock may not be measured yet, and the outbox knows how to wait for that.
    page.send("event", payload, old || until !== null ? onset : seen);
    page.open("vitals");
  });
  box.append(form);
  return box;
}

function recorded(page) {
  const list = node("ul", "recorded");
  for (const each of page.eventsNow()) {
    const row = node("li");
    const text = node("span", "", `${page.dayTime(each.at)}${each.ended ? ` to ${page.dayTime(each.ended)}` : ""} ${eventInWords(each)}`);
    if (each.is_waiting) text.append(node("small", "", "not saved yet"));
    const report = reportInWords(page, each);
    if (report) text.append(node("small", each.reported ? "" : "is-due-report", report));
    row.append(text);
    if (page.mayWrite) row.append(button("Update", () => page.update(each), "quiet"), button("Cross out", () => page.crossOut(each, `adverse event: ${each.term}`, "event_in_error"), "quiet"));
    list.append(row);
  }
  return list;
}

function choices(words) {
  return {
    term: select("term", words.terms),
    grade: select("grade", words.grades),
    relation: select("relation", words.relations),
    action_taken: select("action_taken", words.actions),
    outcome: select("outcome", words.outcomes),
    serious_because: select("serious_because", words.serious),
  };
}

// Not a time field of the browser: that one speaks of AM and PM where the clinic does not.
function clockField(label, value) {
  const field = input("text", { inputmode: "numeric", pattern: "([01]?\\d|2[0-3]):[0-5]\\d", title: "hours:minutes, as 14:05", "aria-label": label });
  field.value = value;
  return field;
}

function onsetOf(page, text, old) {
  return text.trim() && text !== page.time(old.at) ? page.moment(text, old.at) : old.at;
}

// The last time the clock showed this, but never before an onset within the same minute; undefined where it never did.
function endOf(page, text, old, onset) {
  if (!text.trim()) return null;
  if (old?.ended && text === page.time(old.ended)) return old.ended;
  const now = page.clock.now();
  const at = page.moment(text, now, now);
  if (at === null) return undefined;
  return page.time(at) === page.time(onset) && onset - at < MINUTE && at < onset ? onset : at;
}

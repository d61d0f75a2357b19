// An entry that the server did not take: every field of it again, to be corrected and sent once more.

import { button, input, labelled } from "./panels.js";
import { node } from "./pad.js";

// Names of other rows, bytes, and what is asked for by buttons of their own.
const NOT_TYPED = ["corrects", "alert", "entry", "rule", "doubt", "image", "confirmed", "ended_at"];
const WORDS = { rate_ml_h: "Rate, mL/h", given_mg: "Given in all, mg", done: "What was done", reason: "Why" };

export function refusedPanel(page, entry, title, said) {
  const box = node("div");
  const form = node("form", "panel-grid");
  const seenAt = page.outbox.observedAt(entry);
  const at = input("text", { required: "", inputmode: "numeric", pattern: "([01]?\\d|2[0-3]):[0-5]\\d", title: "hours:minutes, as 14:05", "aria-label": "Time, 24 hours" });
  at.value = page.time(seenAt);
  form.append(labelled("Time it was seen, hh:mm", at));
  const fields = [];
  const offer = (held, name, words) => {
    const field = input("text");
    field.value = held[name];
    fields.push([held, name, field]);
    form.append(labelled(words, field));
  };
  // A copy: until it is sent again the entry stays as it was.
  const payload = structuredClone(entry.payload);
  for (const name of Object.keys(payload.values ?? {})) offer(payload.values, name, wordsOf(page, name));
  for (const [name, value] of Object.entries(payload)) {
    if (typeof value === "string" && !NOT_TYPED.includes(name)) offer(payload, name, wordsOf(page, name));
  }
  const acts = node("div", "panel-acts wide");
  acts.append(node("button", "", "Send it again"), button("Leave it", () => page.open("vitals"), "quiet"));
  form.append(acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const [held, name, field] of fields) held[name] = field.value.trim();
    // The time stays to the millisecond where nobody changed it.
    const isMoved = at.value !== page.time(seenAt);
    const moment = isMoved ? page.moment(at.value, seenAt) : null;
    if (isMoved && moment === null) return at.focus();
    page.rest();
    page.outbox.decide(entry.id, { payload, ...(isMoved ? { observed_at: moment } : {}) });
    page.open("vitals");
  });
  box.append(node("h2", "", `Not taken: ${title}`), node("p", "error", said), form);
  return box;
}

function wordsOf(page, name) {
  const element = [...page.data.vitals, ...page.data.extra, ...page.data.leaving].find((each) => each.id === name);
  return WORDS[name] ?? element?.label ?? name.replaceAll("_", " ");
}

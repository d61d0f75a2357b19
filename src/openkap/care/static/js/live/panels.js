// The other panels of the pad: comfort, leaving, note and photograph, correction.

import { valueInWords } from "./log.js";
import { node } from "./pad.js";
import { rateTrouble } from "./rate.js";

export function button(text, act, className = "") {
  const made = node("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

export function labelled(text, input, className = "") {
  const label = node("label", className, text);
  label.append(input);
  return label;
}

export function select(name, options) {
  const made = node("select");
  made.name = name;
  made.append(new Option("choose", ""), ...options.map((each) => (Array.isArray(each) ? new Option(each[1], each[0]) : new Option(each, each))));
  return made;
}

export function input(type, attributes = {}) {
  const made = node("input");
  made.type = type;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function comfortPanel(page) {
  const box = node("div");
  const at = page.when();
  for (const { id, ask, most, unset } of page.data.scores) {
    const row = node("div", "scores");
    for (let score = 0; score <= most; score += 1) {
      row.append(button(`${score}`, () => page.send("vitals", { values: { [id]: `${score}` } }, at.value()), "quiet"));
    }
    const last = page.lastValue(id);
    const silent = unset.length ? " No limit set by this site: no alert will be given." : "";
    box.append(node("p", "", `${ask}${last === null ? "" : ` Last: ${last}.`}${silent}`), row);
  }
  box.append(page.data.short_scale ? shortScale(page, at) : at.root);
  return box;
}

// Item by item, one tap each; it is sent when the last one is answered. Nothing counts as 0 that nobody said.
function shortScale(page, at) {
  const scale = page.data.short_scale;
  const box = node("section", "short-scale");
  const last = page.lastValue(scale.id);
  const due = page.state.scale_due;
  const silent = scale.unset.length ? " No limit set by this site: no alert will be given." : "";
  const said = `${scale.title}.${due ? ` Due at ${page.time(due)}.` : ""}${last === null ? "" : ` Last total: ${last}.`}${silent}`;
  const given = scale.items.map(() => null);
  const send = () => {
    const total = given.reduce((sum, each) => sum + each, 0);
    const items = Object.fromEntries(scale.items.map((item, index) => [item.id, `${given[index]}`]));
    page.send("vitals", { values: { [scale.id]: `${total}`, ...items } }, at.value());
    page.open("comfort");
  };
  scale.items.forEach((item, index) => {
    const row = node("div", "scale-item");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", item.label);
    row.append(node("span", "", item.label));
    for (const answer of item.answers) {
      const choice = button(`${answer}`, () => {
        given[index] = answer;
        for (const each of row.querySelectorAll("button")) each.setAttribute("aria-pressed", each === choice ? "true" : "false");
        if (given.every((each) => each !== null)) send();
      }, "quiet");
      choice.setAttribute("aria-pressed", "false");
      row.append(choice);
    }
    box.append(row);
  });
  const none = button("All of them 0", () => {
    given.fill(0);
    send();
  }, "quiet");
  const head = node("div", "panel-acts");
  head.append(node("h3", "", said), none, at.root);
  box.prepend(head);
  return box;
}

// What still holds the patient: first what is known and not met, then what nobody has answered, with its answers.
export function leavingPanel(page) {
  const box = node("div");
  const leaving = page.state.leaving;
  if (!leaving) {
    box.append(node("p", "", "The dose has not started."));
    return box;
  }
  const head = node("div", "panel-acts");
  head.append(node("h2", "", leaving.may_leave ? "✓ May leave" : `Not yet: ${leaving.unmet.length} ${leaving.unmet.length === 1 ? "condition" : "conditions"}`));
  if (leaving.earlier.length) head.append(node("p", "small", earlierWords(leaving.earlier)));
  if (page.data.urls.session) {
    for (const [words, url, className] of [["Let go, sign and lock", page.data.urls.session, leaving.may_leave ? "button" : ""], ["Monitoring form (PDF)", page.data.urls.form, ""]]) {
      const link = node("a", className, words);
      link.href = url;
      head.append(link);
    }
  }
  const list = node("ul", "leaving");
  for (const each of [...leaving.unmet, ...leaving.warnings].filter((one) => one.is_known)) {
    const row = node("li", "is-known");
    row.append(node("strong", "", each.title), node("span", "", notYet(page, each.said)));
    list.append(row);
  }
  // An answer that holds the patient can be given anew.
  const held = [...leaving.unmet, ...leaving.warnings].filter((one) => one.is_known).flatMap((one) => one.facts);
  for (const fact of new Set([...held, ...leaving.missing.map((each) => each.fact)])) {
    const element = page.data.leaving.find((each) => each.id === fact);
    if (element) list.append(question(page, element));
  }
  box.append(head, list);
  return box;
}

// When the patient could have left, and, where nobody recorded that, when they did.
function earlierWords(earlier) {
  const of = (isReady) => earlier.filter((each) => each.is_ready === isReady).map((each) => each.min).join(", ");
  const said = [of(true) && `ready after ${of(true)} min`, of(false) && `left after ${of(false)} min (when ready was not recorded)`];
  return `Earlier sessions: ${said.filter(Boolean).join("; ")}.`;
}

// "not yet: minutes since the dose started must rise by 92.3 min" is a time on the wall.
function notYet(page, said) {
  const wait = /minutes since the dose started must rise by ([\d.]+) min/.exec(said);
  const words = said.replace(/^not yet: /, "").replaceAll("mm[Hg]", "mmHg");
  if (!wait) return words;
  const left = Math.ceil(Number(wait[1]));
  return `not before ${page.time(page.clock.now() + left * 60_000)}, in ${left < 60 ? "" : `${Math.floor(left / 60)} h `}${left % 60} min`;
}

function question(page, element) {
  const row = node("li");
  row.append(node("span", "", element.ask));
  const answer = (value) => page.send("leaving", { values: { [element.id]: value } });
  const acts = node("div", "leaving-acts");
  if (element.kind === "quantity") {
    const field = input("text", { inputmode: "decimal", "aria-label": element.label });
    acts.append(field, button("Save", () => field.value.trim() && answer(field.value.trim()), "quiet"));
  }
  const choices = element.kind === "yes_no" ? ["yes", "no"] : element.choices;
  for (const choice of choices ?? []) acts.append(button(choice.replaceAll("_", " "), () => answer(choice), "quiet"));
  if (element.choices?.length) row.className = "is-long";
  row.append(acts);
  return row;
}

export function notePanel(page) {
  const box = node("div");
  const text = node("textarea");
  text.setAttribute("aria-label", "Note");
  text.placeholder = "What you saw or did";
  const at = page.when();
  const photo = input("file", { accept: "image/*", capture: "environment", "aria-label": "Photograph of the monitor" });
  photo.addEventListener("change", async () => {
    if (!photo.files[0]) return;
    const image = await shrunk(photo.files[0]).catch(() => null);
    if (!image) return page.say("This photograph cannot be read; take it again.");
    page.send("photo", { image, note: text.value }, at.value());
    page.open("vitals");
  });
  const acts = node("div", "panel-acts");
  acts.append(
    at.root,
    button("Save note", () => {
      if (!text.value.trim()) return page.say("The note is empty.");
      page.send("note", { note: text.value.trim() }, at.value());
      page.open("vitals");
    }),
    labelled("Photograph of the monitor", photo, "button quiet photo"),
  );
  box.append(text, acts);
  return box;
}

// Small enough to wait in the outbox and to travel over a shaky network.
async function shrunk(file) {
  const bitmap = await createImageBitmap(file);
  const share = Math.min(1, 1280 / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * share);
  canvas.height = Math.round(bitmap.height * share);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.7).split(",")[1];
}

export function correctPanel(page, row, isDose) {
  const box = node("div");
  box.append(node("h2", "", `Correct: ${page.time(row.at)} ${isDose ? row.words : "entry"}`));
  const form = node("form", "panel-grid");
  // Not a time field of the browser: that one speaks of AM and PM where the clinic does not.
  const at = input("text", { required: "", inputmode: "numeric", pattern: "([01]?\\d|2[0-3]):[0-5]\\d", title: "hours:minutes, as 14:05", "aria-label": "Time, 24 hours" });
  at.value = page.time(row.at);
  form.append(labelled("Time it was seen, hh:mm", at));
  const scale = page.data.short_scale;
  // A total with its items is corrected item by item, and follows from them.
  const items = isDose ? [] : (scale?.items ?? []).filter((item) => row.values[item.id]);
  const fields = isDose ? {} : correctable(page, row, items);
  for (const { label, field } of Object.values(fields)) form.append(labelled(label, field));
  const note = !isDose && row.kind === "note" ? input("text", { required: "" }) : null;
  if (note) {
    note.value = row.note;
    form.append(labelled("Note", note, "wide"));
  }
  const rate = isDose && row.rate_ml_h !== null ? input("text", { inputmode: "decimal" }) : null;
  if (rate) {
    rate.value = row.rate_ml_h;
    form.append(labelled("Rate mL/h", rate));
  }
  const reason = input("text", { required: "" });
  form.append(labelled("Why (stays in the record)", reason, "wide"));
  const acts = node("div", "panel-acts wide");
  acts.append(node("button", "", "Save correction"));
  if (!isDose) {
    const names = Object.keys(row.values).filter((name) => !items.some((item) => item.id === name));
    const all = [["all", "all of it"], ...names.map((name) => [name, valueInWords(name, row.values[name])])];
    const wrong = names.length > 1 ? select("wrong", all) : null;
    const crossOut = () => {
      if (wrong && !wrong.value) return page.say("What was wrong? Choose one value, or all of it.");
      if (!reason.value.trim()) return page.say("Why? The reason stays in the record.");
      const held = wrong ? row.values[wrong.value] : null;
      const one = held ? { element: wrong.value, value: held.number ?? held.text } : {};
      page.send("take_back", { corrects: row.id, reason: reason.value.trim(), ...one });
      page.open("vitals");
    };
    if (wrong) acts.append(labelled("Entered in error:", wrong));
    acts.append(button(wrong ? "Cross out" : "Entered in error: cross out", crossOut, "danger"));
  }
  if (isDose && row.kind === "stop" && page.data.urls.session) {
    // The ledger changes too, so a colleague must look again: that is done on the session's page.
    const link = node("a", "button quiet", "Correct the amount, with a colleague");
    link.href = `${page.data.urls.session}#amounts`;
    acts.append(link);
  }
  acts.append(button("Leave it", () => page.open("vitals"), "quiet"));
  form.append(acts);
  for (const field of form.querySelectorAll("input, select")) field.shown = field.value.trim();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = [at, ...Object.values(fields).map((each) => each.field), ...[rate, note].filter(Boolean)];
    if (!typed.some((field) => field.value.trim() !== field.shown)) return page.say("Nothing is changed yet. Correct what was wrong, or leave it.");
    const trouble = rate ? rateTrouble(page, rate) : "";
    if (trouble) return page.say(trouble);
    const values = Object.fromEntries(Object.entries(fields).map(([name, { field }]) => [name, field.value.trim()]));
    if (items.length) values[scale.id] = `${items.reduce((sum, item) => sum + Number(values[item.id]), 0)}`;
    const more = rate ? { rate_ml_h: rate.value.trim() } : {};
    // The field shows minutes: one that was left alone keeps its second.
    const moment = at.value.trim() === at.shown ? row.at : page.moment(at.value, row.at);
    if (moment === null) return at.focus();
    page.send("correct", { corrects: row.id, reason: reason.value.trim(), values, note: note?.value.trim() ?? row.note ?? "", ...more }, moment);
    page.open("vitals");
  });
  box.append(form);
  return box;
}

// What an entry holds, each with a field of its own kind: readings are numbers, answers before leaving are chosen.
function correctable(page, row, items) {
  const found = {};
  const scale = page.data.short_scale;
  const parts = items.map((item) => ({ id: item.id, short: `${scale.short}, ${item.label}`, unit: "" }));
  const extra = page.data.extra.filter((each) => !items.length || each.id !== scale.id);
  for (const element of [...page.data.vitals, ...extra, ...parts, ...page.data.leaving]) {
    const held = row.values[element.id];
    if (!held || found[element.id]) continue;
    const choices = element.kind === "yes_no" ? ["yes", "no"] : element.choices ?? [];
    const field = choices.length && element.short === undefined ? select(element.id, choices.map((each) => [each, each.replaceAll("_", " ")])) : input("text", { inputmode: "decimal" });
    field.value = held.number ?? held.text;
    found[element.id] = { field, label: element.short === undefined ? element.label : `${element.short} ${element.unit}` };
  }
  return found;
}

// What was entered for the wrong patient stays, crossed out, with the reason. `act` names what is crossed out.
export function crossOutPanel(page, row, what, act) {
  const box = node("div");
  box.append(node("h2", "", `Cross out: ${page.time(row.at)} ${what}`));
  const reason = input("text", { required: "" });
  const acts = node("div", "panel-acts wide");
  const form = node("form", "panel-grid");
  acts.append(node("button", "danger", "Entered in error: cross out"), button("Leave it", () => page.open("vitals"), "quiet"));
  form.append(labelled("Why (stays in the record)", reason, "wide"), acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!reason.value.trim()) return page.say("Why? The reason stays in the record.");
    page.send(act, { corrects: row.id, reason: reason.value.trim() });
    page.open("vitals");
  });
  box.append(form);
  return box;
}

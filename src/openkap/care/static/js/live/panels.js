// The other panels of the pad: drug, comfort, leaving, note and photograph, correction.

import { node } from "./pad.js";

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

// A second tap within five seconds does it: for what cannot be taken back.
function twice(text, sure, act, className) {
  const made = button(text, () => {
    if (made.dataset.sure) return act();
    made.dataset.sure = "yes";
    made.textContent = sure();
    setTimeout(() => {
      delete made.dataset.sure;
      made.textContent = text;
    }, 5000);
  }, className);
  return made;
}

const MADE_UP = { undiluted: "undiluted", diluted: "made up" };

// Rows of what can be done with the drug, each saying what was understood before it counts.
export function drugPanel(page) {
  const dose = page.state.dose;
  const box = node("div");
  if (!dose) {
    box.append(node("p", "", "No dose is ordered yet. Gates, order and two-person check are on the session's own page."));
    return box;
  }
  const given = page.givenNow();
  const way = MADE_UP[dose.way] ? `, ${MADE_UP[dose.way]}` : "";
  const rate = dose.rate_ml_h === null ? "" : `; pump ${dose.rate_ml_h} mL/h${way}`;
  const state = page.state.session.state;
  box.append(node("p", "lead", `${dose.ordered_mg} mg ${dose.drug} ${dose.route}${dose.over_min ? ` over ${dose.over_min} min` : ""}${rate}`));
  const at = page.when();
  const send = (act, payload = {}) => page.send(act, payload, at.value());
  const line = (...parts) => {
    const row = node("div", "panel-acts");
    row.append(...parts);
    box.append(row);
  };
  const { held } = page.state;
  if (state === "cleared" && held) box.append(node("p", "alarm", `A gate holds the dose again: ${held}. Answer it on the session's own page.`));
  else if (state === "cleared") line(twice(`Start ${dose.ordered_mg} mg`, () => `Tap again: start ${dose.ordered_mg} mg${rate ? ` at ${dose.rate_ml_h} mL/h${way}` : ""} now`, () => send("start")), at.root);
  else if (["planned", "arrived"].includes(state)) box.append(node("p", "", `Not released yet. ${held ? `Held by: ${held}. ` : ""}Clear the gates on the session's own page.`));
  else if (state === "dosing") {
    line(dose.pump === "paused" ? button("▶ Resume", () => send("resume")) : button("‖ Pause", () => send("pause")), at.root);
    if (dose.rate_ml_h !== null && dose.pump !== "paused") line(...rateLine(dose, send));
    line(...stopLine(page, given, send));
  } else box.append(node("p", "", `The dose is over: ${dose.given_mg} mg given.`));
  return box;
}

function number(field) {
  const value = Number(field.value.trim().replace(",", "."));
  return field.value.trim() && Number.isFinite(value) && value >= 0 ? value : null;
}

function rateLine(dose, send) {
  const field = input("text", { inputmode: "decimal", "aria-label": "New rate in mL/h" });
  const full = dose.over_min ? (dose.ordered_mg / dose.over_min) * 60 : null;
  const understood = () => {
    const value = number(field);
    if (value === null) return "Which rate? Enter mL/h";
    const mg = full && dose.first_rate ? `, ${((full * value) / dose.first_rate).toFixed(1)} mg/h` : "";
    return `Tap again: ${value} mL/h${mg}`;
  };
  return [labelled("New rate, mL/h", field), twice("↕ Set rate", understood, () => number(field) !== null && send("rate", { rate_ml_h: `${number(field)}` }), "quiet")];
}

function stopLine(page, given, send) {
  const field = input("text", { inputmode: "decimal", "aria-label": "Given in all, mg" });
  const stop = () => (number(field) === null ? page.say("How much was given in all? Read it off the pump.") : send("stop", { given_mg: `${number(field)}`, confirmed: true }));
  // What the second tap confirms names both numbers where they differ.
  const said = () => (Math.abs(number(field) - given) < 0.05 ? "" : `; the pump's times say ${given.toFixed(1)} mg`);
  return [
    labelled("Given in all, mg", field),
    button(`as computed: ${given.toFixed(1)} mg`, () => { field.value = given.toFixed(1); }, "quiet"),
    twice("■ Stop", () => (number(field) === null ? "How much was given?" : `Tap again: stop, ${number(field)} mg given${said()}`), stop, "danger"),
  ];
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
  if (page.data.short_scale) box.append(shortScale(page, at));
  box.append(at.root);
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
  box.append(node("h3", "", scale.short), node("p", "", said));
  const given = scale.items.map(() => null);
  const send = () => {
    const total = given.reduce((sum, each) => sum + each, 0);
    const note = `${scale.short}: ${scale.items.map((item, index) => `${item.label} ${given[index]}`).join("; ")}`;
    page.send("vitals", { values: { [scale.id]: `${total}` }, note }, at.value());
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
  box.append(button("All of them 0", () => {
    given.fill(0);
    send();
  }, "quiet"));
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
  const fields = {};
  if (!isDose) {
    for (const element of [...page.data.vitals, ...page.data.extra]) {
      const held = row.values[element.id];
      if (!held) continue;
      fields[element.id] = input("text", { inputmode: "decimal" });
      fields[element.id].value = held.number ?? held.text;
      form.append(labelled(`${element.short} ${element.unit}`, fields[element.id]));
    }
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
    acts.append(button("Entered in error: cross out", () => {
      if (!reason.value.trim()) return page.say("Why? The reason stays in the record.");
      page.send("take_back", { corrects: row.id, reason: reason.value.trim() });
      page.open("vitals");
    }, "danger"));
  }
  if (isDose && row.kind === "stop" && page.data.urls.session) {
    // The ledger changes too, so a colleague must look again: that is done on the session's page.
    const link = node("a", "button quiet", "Correct the amount, with a colleague");
    link.href = `${page.data.urls.session}#amounts`;
    acts.append(link);
  }
  acts.append(button("Leave it", () => page.open("vitals"), "quiet"));
  form.append(acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]));
    const more = rate ? { rate_ml_h: rate.value.trim() } : {};
    page.send("correct", { corrects: row.id, reason: reason.value.trim(), values, note: row.note ?? "", ...more }, page.moment(at.value, row.at));
    page.open("vitals");
  });
  box.append(form);
  return box;
}

// The other panels of the pad: drug, comfort, leaving, adverse event, note and photograph, correction.

import { node } from "./pad.js";

function button(text, act, className = "") {
  const made = node("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function labelled(text, input, className = "") {
  const label = node("label", className, text);
  label.append(input);
  return label;
}

function select(name, options) {
  const made = node("select");
  made.name = name;
  made.append(new Option("choose", ""), ...options.map((each) => (Array.isArray(each) ? new Option(each[1], each[0]) : new Option(each, each))));
  return made;
}

function input(type, attributes = {}) {
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
    made.textContent = sure;
    setTimeout(() => {
      delete made.dataset.sure;
      made.textContent = text;
    }, 5000);
  }, className);
  return made;
}

export function drugPanel(page) {
  const dose = page.state.dose;
  const box = node("div");
  if (!dose) {
    box.append(node("p", "", "No dose is ordered yet. Gates, order and two-person check are on the session's own page."));
    return box;
  }
  const given = page.givenNow();
  const rate = dose.rate_ml_h === null ? "" : ` at ${dose.rate_ml_h} mL/h`;
  box.append(node("p", "lead", `${dose.ordered_mg} mg ${dose.drug} ${dose.route}${dose.over_min ? ` over ${dose.over_min} min` : ""}${rate}. ${given === null ? "" : `${given.toFixed(1)} mg by the rates so far.`}`));
  const acts = node("div", "panel-acts");
  const at = page.when();
  acts.append(at.root);
  const state = page.state.session.state;
  const send = (act, payload = {}) => page.send(act, payload, at.value());
  if (state === "cleared") acts.append(twice(`Start ${dose.ordered_mg} mg`, `Tap again: start ${dose.ordered_mg} mg now`, () => send("start")));
  else if (["planned", "arrived"].includes(state)) acts.append(node("p", "", "Not released yet: clear the gates on the session's own page."));
  else if (state === "dosing") {
    acts.append(dose.pump === "paused" ? button("▶ Resume", () => send("resume")) : button("‖ Pause", () => send("pause")));
    if (dose.rate_ml_h !== null && dose.pump !== "paused") {
      const field = input("text", { inputmode: "decimal", "aria-label": "New rate in mL/h", placeholder: "mL/h" });
      acts.append(field, button("↕ Set rate", () => field.value.trim() && send("rate", { rate_ml_h: field.value.trim() }), "quiet"));
    }
    const amount = input("text", { inputmode: "decimal", "aria-label": "Given in all, mg", placeholder: "mg given in all" });
    acts.append(
      amount,
      button(`as computed: ${given.toFixed(1)} mg`, () => { amount.value = given.toFixed(1); }, "quiet"),
      twice("■ Stop", "Tap again: stop", () => amount.value.trim() ? send("stop", { given_mg: amount.value.trim() }) : page.say("How much was given in all? Read it off the pump."), "danger"),
    );
  } else acts.append(node("p", "", `The dose is over: ${dose.given_mg} mg given.`));
  box.append(acts);
  return box;
}

export function comfortPanel(page) {
  const box = node("div");
  const at = page.when();
  for (const [name, ask] of page.data.scores) {
    const row = node("div", "scores");
    for (let score = 0; score <= 10; score += 1) {
      row.append(button(`${score}`, () => page.send("vitals", { values: { [name]: `${score}` } }, at.value()), "quiet"));
    }
    box.append(node("p", "", ask), row);
  }
  box.append(at.root);
  return box;
}

export function leavingPanel(page) {
  const box = node("div");
  const leaving = page.state.leaving;
  if (!leaving) {
    box.append(node("p", "", "The dose has not started."));
    return box;
  }
  const title = leaving.may_leave ? "✓ May leave" : `Not yet: ${leaving.unmet.length} ${leaving.unmet.length === 1 ? "condition" : "conditions"}`;
  box.append(node("h2", "", title));
  if (leaving.earlier_min.length) box.append(node("p", "small", `Earlier sessions: left after ${leaving.earlier_min.join(", ")} min.`));
  const list = node("ul", "leaving");
  const asked = new Map(leaving.missing.map((each) => [each.fact, each]));
  for (const each of [...leaving.unmet, ...leaving.warnings]) {
    const row = node("li");
    row.append(node("span", "", `${each.title}: ${each.said}`));
    list.append(row);
  }
  for (const [fact] of asked) {
    const element = page.data.leaving.find((each) => each.id === fact);
    if (!element) continue;
    const row = node("li");
    row.append(node("span", "", element.ask));
    if (element.kind === "quantity") {
      const field = input("text", { inputmode: "decimal", "aria-label": element.label });
      row.append(field, button("Save", () => field.value.trim() && page.send("leaving", { values: { [fact]: field.value.trim() } }), "quiet"));
    }
    const choices = element.kind === "yes_no" ? ["yes", "no"] : element.choices;
    for (const choice of choices ?? []) {
      row.append(button(choice.replaceAll("_", " "), () => page.send("leaving", { values: { [fact]: choice } }), "quiet"));
    }
    list.append(row);
  }
  box.append(list);
  if (page.data.urls.session) {
    const link = node("a", "button", "Let go, sign and lock");
    link.href = page.data.urls.session;
    const form = node("a", "", "Monitoring form (PDF)");
    form.href = page.data.urls.form;
    const acts = node("div", "panel-acts");
    acts.append(link, form);
    box.append(acts);
  }
  return box;
}

export function eventPanel(page) {
  const words = page.data.events;
  const form = node("form", "panel-grid");
  const fields = {
    term: select("term", words.terms),
    grade: select("grade", words.grades),
    relation: select("relation", words.relations),
    action_taken: select("action_taken", words.actions),
    outcome: select("outcome", words.outcomes),
    serious_because: select("serious_because", words.serious),
  };
  const labels = { term: "What", grade: "Grade", relation: "Related to the drug", action_taken: "Action", outcome: "Outcome", serious_because: "Serious because (leave if not)" };
  for (const [name, field] of Object.entries(fields)) form.append(labelled(labels[name], field));
  const said = input("text", { placeholder: "in the patient's words" });
  form.append(labelled("Words", said, "wide"));
  const at = page.when();
  const acts = node("div", "panel-acts wide");
  acts.append(at.root, node("button", "", "Save event"));
  form.append(acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = Object.entries(fields).find(([name, field]) => name !== "serious_because" && !field.value);
    if (missing) {
      page.say(`${labels[missing[0]]} is missing.`);
      return missing[1].focus();
    }
    const payload = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
    page.send("event", { ...payload, is_serious: Boolean(payload.serious_because), words: said.value }, at.value());
    page.open("vitals");
  });
  return form;
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
    labelled("Photograph of the monitor", photo),
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
  const at = input("time", { required: "", "aria-label": "Time" });
  at.value = page.time(row.at);
  form.append(labelled("Time it was seen", at));
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
  acts.append(button("Leave it", () => page.open("vitals"), "quiet"));
  form.append(acts);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]));
    page.send("correct", { corrects: row.id, reason: reason.value.trim(), values, note: row.note ?? "" }, page.moment(at.value, row.at));
    page.open("vitals");
  });
  box.append(form);
  return box;
}

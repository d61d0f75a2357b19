// The drug: what was ordered, what runs, and the acts that start, hold, change and end it. An act that waits on
// this tablet counts here at once, so that no tablet offers the same act twice.

import { asking } from "./confirm.js";
import { node } from "./pad.js";
import { button, input, labelled } from "./panels.js";
import { number, rateTrouble } from "./rate.js";

const MADE_UP = { undiluted: "undiluted", diluted: "made up" };
const AFTER = { start: "running", resume: "running", pause: "paused", stop: "stopped" };
// After an act the next one rests: two quick taps are one.
const REST_MS = 1000;

// The pump as it stands with what still waits here.
export function pumpNow(page) {
  const waiting = page.outbox.entries.filter((entry) => AFTER[entry.act] && entry.status === "waiting");
  return waiting.reduce((pump, entry) => AFTER[entry.act], page.state.dose?.pump ?? "");
}

// Where the session stands with what still waits here.
function stateNow(page) {
  const { state } = page.state.session;
  const has = (act) => page.outbox.entries.some((entry) => entry.act === act && entry.status === "waiting");
  if (state === "cleared" && has("start")) return "dosing";
  return state === "dosing" && has("stop") ? "recovery" : state;
}

// What the panel is drawn from; where it changes the panel is drawn anew.
export function doseMark(page) {
  return `${stateNow(page)} ${pumpNow(page)}`;
}

export async function doseAct(page, act, payload = {}, at = null) {
  page.doseActAt = performance.now();
  await page.send(act, payload, at);
  page.draw();
}

// One tap for the pump: the second of two quick ones does nothing.
export function pumpAct(page, act, at = null) {
  if (!isResting(page)) doseAct(page, act, {}, at);
}

function isResting(page) {
  return performance.now() - (page.doseActAt ?? -REST_MS) < REST_MS;
}

// Disabled until an act just done has had its rest.
export function rested(page, made) {
  const left = REST_MS - (performance.now() - (page.doseActAt ?? -REST_MS));
  made.disabled = left > 0;
  if (left > 0) setTimeout(() => { made.disabled = false; }, left);
  return made;
}

export function drugPanel(page) {
  const dose = page.state.dose;
  const box = node("div");
  if (!dose) {
    box.append(node("p", "", "No dose is ordered yet. Gates, order and two-person check are on the session's own page."));
    return box;
  }
  const way = MADE_UP[dose.way] ? `, ${MADE_UP[dose.way]}` : "";
  const set = dose.rate_ml_h ?? dose.first_rate;
  const rate = set === null ? "" : `; pump ${set} mL/h${way}`;
  const state = stateNow(page);
  box.append(node("p", "lead", `${dose.ordered_mg} mg ${dose.drug} ${dose.route}${dose.over_min ? ` over ${dose.over_min} min` : ""}${rate}`));
  const at = page.when();
  const send = (act, payload = {}) => doseAct(page, act, payload, at.value());
  const line = (...parts) => {
    const row = node("div", "panel-acts");
    row.append(...parts);
    box.append(row);
  };
  if (!page.data.may_give) {
    box.append(node("p", "", `${page.state.session.words}, pump ${pumpNow(page)}. Your account does not give doses: a nurse or the prescriber does what is needed here.`));
    return box;
  }
  const { held } = page.state;
  if (state === "cleared" && held) box.append(node("p", "alarm", `A gate holds the dose again: ${held}. Answer it on the session's own page.`));
  else if (state === "cleared") line(...startLine(page, dose, way, send), at.root);
  else if (["planned", "arrived"].includes(state)) box.append(node("p", "", `Not released yet. ${held ? `Held by: ${held}. ` : ""}Clear the gates on the session's own page.`));
  else if (state === "dosing") {
    const isPaused = pumpNow(page) === "paused";
    line(rested(page, isPaused ? button("▶ Resume", () => pumpAct(page, "resume", at.value())) : button("‖ Pause", () => pumpAct(page, "pause", at.value()))), at.root);
    if (dose.rate_ml_h !== null && !isPaused) line(...rateLine(page, dose, send));
    line(...stopLine(page, dose, send));
  } else box.append(node("p", "", page.state.session.state === "dosing" ? "The stop is kept on this tablet, not saved yet." : `The dose is over: ${dose.given_mg} mg given.`));
  return box;
}

// Who is in the chair is asked before how much runs into them.
function startLine(page, dose, way, send) {
  const who = page.data.patient;
  const rate = dose.first_rate === null ? "" : ` at ${dose.first_rate} mL/h${way}`;
  const start = asking(`Start ${dose.ordered_mg} mg`, () => {
    if (!agreed.checked) return void page.say(`First ask who is in the chair: name and date of birth, or the wristband. Tick that it is ${who}.`);
    return {
      said: `For ${who}: ${dose.ordered_mg} mg ${dose.drug}${rate}. The pump is set and the line is checked.`,
      yes: `Tap again: start ${dose.ordered_mg} mg${rate} now`,
      act: async () => {
        await page.send("note", { note: `Asked before the start: the patient is ${who} (name and date of birth, or wristband)` });
        await send("start");
      },
    };
  });
  const agreed = input("checkbox", { "aria-label": "The patient is the one named above", "data-once": "" });
  return [start, labelled(`Asked: this is ${who}`, agreed, "agreed")];
}

function rateLine(page, dose, send) {
  const field = input("text", { inputmode: "decimal", "aria-label": "New rate in mL/h" });
  const full = dose.over_min ? (dose.ordered_mg / dose.over_min) * 60 : null;
  const question = () => {
    const trouble = rateTrouble(page, field);
    if (trouble) return void page.say(trouble);
    const value = number(field);
    const checked = dose.first_rate;
    const mg = full && checked ? `, ${((full * value) / checked).toFixed(1)} mg/h` : "";
    const times = checked ? value / checked : 1;
    const beside = !checked || times === 1 ? "" : times > 1 ? `: FASTER, ${times.toFixed(1)} times the checked ${checked} mL/h` : `: ${Math.round(times * 100)} % of the checked ${checked} mL/h`;
    return {
      said: `From ${dose.rate_ml_h} to ${value} mL/h${beside}.`,
      yes: `Tap again: ${value} mL/h${mg}`,
      reason: times > 1 ? "Faster than ordered: who decided, and why" : "",
      act: async (why) => {
        if (why) await page.send("note", { note: `Rate ${value} mL/h, above the checked ${checked} mL/h: ${why}` });
        await send("rate", { rate_ml_h: `${value}` });
      },
    };
  };
  return [labelled("New rate, mL/h", field), asking("↕ Set rate", question, "quiet")];
}

function stopLine(page, dose, send) {
  const field = input("text", { inputmode: "decimal", "aria-label": "Given in all, mg" });
  const given = page.givenNow();
  const question = () => {
    const value = number(field);
    if (value === null) return void page.say("How much was given in all? Read it off the pump.");
    const computed = Number(page.givenNow().toFixed(1));
    const over = value > dose.ordered_mg ? ` MORE than the ${dose.ordered_mg} mg ordered.` : "";
    const beside = value === computed ? "" : `${over} The rates so far make ${computed} mg: ${Math.abs(value - computed).toFixed(1)} mg ${value > computed ? "less" : "more"}. Look at the pump again.`;
    return { said: `The dose ends with ${value} mg given in all.${beside}`, yes: `Tap again: stop, ${value} mg given`, act: () => send("stop", { given_mg: `${value}`, confirmed: true }) };
  };
  const fill = () => {
    field.value = given.toFixed(1);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  return [labelled("Given in all, mg", field), button(`as computed: ${given.toFixed(1)} mg`, fill, "quiet"), asking("■ Stop", question, "danger")];
}

// The board: a row a chair, sorted by what is due first; asks anew every two seconds, counts by itself.

import { wallTime } from "./clock.js";
import { node } from "./pad.js";

const MINUTE = 60_000;
const by = (id) => document.getElementById(id);
let told = JSON.parse(by("board-data").textContent);
let heardAt = performance.now();

// From so many minutes on, hours are told.
const HOURS = 600;

function minutes(ms) {
  const whole = Math.floor(Math.abs(ms) / MINUTE);
  const seconds = Math.floor((Math.abs(ms) % MINUTE) / 1000);
  if (whole >= HOURS) return `${Math.floor(whole / 60)} h`;
  return `${whole}:${String(seconds).padStart(2, "0")}`;
}

function time(ms) {
  return wallTime(ms, told.zone);
}

function dayTime(ms) {
  return `${new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: told.zone })} ${time(ms)}`;
}

function row(each, now) {
  const made = node("li");
  const left = each.due === null ? null : each.due - now;
  if (left !== null && left < -5 * MINUTE) made.classList.add("is-very-late");
  if (left !== null && left < 0) made.classList.add("is-late");
  else if (left !== null && left < MINUTE) made.classList.add("is-soon");
  if (each.state === "free") made.classList.add("is-free");
  if (each.alerts) made.classList.add(`has-${each.priority}`);
  if (each.not_closed !== null) made.classList.add("is-not-closed");
  const chair = node("span", "chair");
  if (each.url) {
    const link = node("a", "", each.chair);
    link.href = each.url;
    chair.append(link);
  } else chair.append(each.chair);
  chair.append(node("small", "", [each.code, each.nurse].filter(Boolean).join(", ")));
  const phase = node("span", "minutes", each.begun === null ? "" : `${Math.max(0, Math.floor((now - each.begun) / MINUTE))} min`);
  phase.append(node("small", "", each.state === "dosing" ? (each.pump === "complete" ? "dose complete" : `pump ${each.pump}`) : each.words));
  const said = node("span", `alerts-said ${each.priority}`, each.alerts ? `${each.priority === "high" ? "‼" : "!"} ${each.rule}${each.alerts > 1 ? ` +${each.alerts - 1}` : ""}` : "");
  for (const [words, className] of besides(each, now)) said.append(node("small", className, words));
  const due = node("span", "due");
  if (left !== null) {
    due.textContent = left >= 0 ? minutes(left) : `−${minutes(left)}`;
    due.append(node("small", "", left >= 0 ? `next ${time(each.due)}` : `LATE since ${time(each.due)}`));
  } else if (each.planned && !each.begun) {
    due.textContent = time(each.planned);
    due.append(node("small", "", each.state === "free" ? "next session" : "planned"));
  }
  made.append(chair, phase, said, due);
  return made;
}

// What waits for a person beside the readings: an alert that has gone to the prescriber, acts with the drug
// that do not fit, a session that has not begun.
function besides(each, now) {
  const told = [];
  if (each.escalated) told.push([`Nobody answered: gone to ${each.escalated.to} at ${time(each.escalated.since)}, ${inWords(now - each.escalated.since)} ago`, "is-escalated"]);
  if (each.doubts) told.push([`? ${each.doubts} ${each.doubts === 1 ? "act" : "acts"} with the drug: does not fit, decide`, "is-open"]);
  if (each.not_closed !== null) told.push([`NOT CLOSED since ${dayTime(each.not_closed)}, ${inWords(now - each.not_closed)}: ${each.begun === null ? "start it or give it up" : "stop, let go, sign"}`, "is-escalated"]);
  if (each.held) told.push([each.held, "is-open"]);
  if (each.unsigned !== null) told.push([`the patient left; not signed, session of ${dayTime(each.unsigned)}`, "is-open"]);
  if (each.not_started !== null) told.push([`planned ${time(each.not_started)}, not started, ${inWords(now - each.not_started)}`, "is-open"]);
  return told;
}

function inWords(ms) {
  const whole = Math.max(0, Math.floor(ms / MINUTE));
  return whole < 60 ? `${whole} min` : `${Math.floor(whole / 60)} h ${whole % 60} min`;
}

// A chair's link stays the same element while it says the same: who presses it, or stands on it with the
// keyboard, keeps it while the minutes beside it change.
function renew(list, rows) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach((made, place) => {
    const held = list.children[place];
    if (!held) list.append(made);
    else if (!held.firstElementChild.isEqualNode(made.firstElementChild)) held.replaceWith(made);
    else {
      held.className = made.className;
      while (held.children.length > 1) held.lastElementChild.remove();
      held.append(...[...made.children].slice(1));
    }
  });
}

function draw() {
  const now = told.now + (performance.now() - heardAt);
  by("clinic").textContent = told.clinic;
  by("wall").textContent = time(now);
  renew(by("rows"), told.rows.map((each) => row(each, now)));
  by("free").textContent = told.free.length ? `Free: ${told.free.join(", ")}` : "Nobody is free";
  const silent = (performance.now() - heardAt) / 1000;
  by("heard").textContent = silent > 8 ? `NO NETWORK for ${Math.round(silent)} s: this board is old` : "";
}

async function poll() {
  try {
    const answer = await fetch(by("state-url").href, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(6000) });
    if (answer.ok) {
      told = await answer.json();
      heardAt = performance.now();
    }
  } catch {
    // The head says how old the board is.
  }
  setTimeout(poll, 2000);
}

draw();
setInterval(draw, 500);
poll();

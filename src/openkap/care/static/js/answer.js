// Questions on a phone: one at a time, each answer saved by itself. Without the network answers wait in this
// browser and are sent when it is back; the server stores each one once, however often it arrives.

import { OwnCopy, forgetCopy } from "./own-copy.js";
import { Waiting, count, pause, post, say } from "./waiting.js";

const form = document.getElementById("answer");
const finishKey = `openkap:${form.dataset.key}:finish`;
const saved = document.getElementById("saved");
const help = document.getElementById("help-now");
const questions = [...form.querySelectorAll(".question")];
const last = form.querySelector("[data-last]");
const steps = [...questions, last];
const bar = Object.fromEntries([...form.querySelectorAll("[data-step]")].map((each) => [each.dataset.step, each]));

let sending = false;
let failures = 0;
let timer = 0;
let turning = 0;
let at = 0;
// The question that "Next" belongs to. After a page has turned by itself it is still the one before: the hand that
// goes on to "Next" means the turn that was made, and nothing is skipped unseen.
let nextOf = 0;
// On the way through what was left open, what is answered is passed over.
let onlyOpen = false;

const waiting = new Waiting(form.dataset.key, form.dataset.api);
const copy = new OwnCopy(form);
let finishing = false;
try { finishing = localStorage.getItem(finishKey) === "yes"; } catch { /* private mode */ }
function setFinishing(yes) {
  finishing = yes;
  try {
    if (yes) localStorage.setItem(finishKey, "yes");
    else localStorage.removeItem(finishKey);
  } catch { /* as above */ }
}

function mark() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function clock(text) { return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false }); }

function report(text, isBad) {
  saved.textContent = text;
  saved.classList.toggle("tone-alarm", isBad);
}

function tell() {
  if (waiting.isRefused) report(waiting.trouble, true);
  else if (failures && waiting.taps.length) {
    const answers = count(waiting.taps.length);
    report(say("Not sent yet: {answers} kept on this device, sent when the network is back.", { answers }), true);
  } else if (failures && finishing) report(say("No network: this page finishes by itself when it is back."), true);
  // Nobody is told that help is on its way while nobody knows.
  const isUnsent = waiting.taps.length > 0 && (failures > 0 || waiting.isRefused);
  help.querySelector("[data-unsent]").hidden = !isUnsent;
  help.querySelector("[data-told]").hidden = isUnsent;
}

async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(timer);
  try {
    await waiting.send((data) => {
      failures = 0;
      report(say("Saved {time} on the clinic's server", { time: clock(data.saved_at) }), false);
      if (data.needs_help) showHelp();
    });
    if (finishing) {
      const answer = await post(form.dataset.finish, {});
      setFinishing(false);
      if (answer.ok) { forgetCopy(form.dataset.key); window.location.assign(form.dataset.thanks); return; }
      report(`${answer.data.what || say("This could not be finished")}. ${answer.data.remedy || say("Please call the clinic")}.`, true);
    }
    failures = 0;
  } catch {
    failures += 1;
    timer = setTimeout(flush, pause(failures));
  } finally {
    sending = false;
    tell();
  }
}

function isOpen(question) { return !question.querySelector("input:checked"); }

function following(number) {
  if (!onlyOpen) return number + 1;
  const open = questions.findIndex((each, place) => place > number && isOpen(each));
  return open < 0 ? steps.length - 1 : open;
}

function progress() {
  const open = questions.filter(isOpen);
  const done = questions.length - open.length;
  document.getElementById("done").textContent = done;
  document.getElementById("progress").value = done;
  const line = document.getElementById("open-questions");
  line.hidden = !open.length;
  line.querySelector("span").textContent = open.length > 1 ? say("{count} questions.", { count: open.length }) : say("1 question.");
}

function showHelp() {
  if (!help.hidden) return;
  help.hidden = false;
  help.focus();
  help.scrollIntoView({ block: "start" });
}

function take(input) {
  const question = input.closest(".question");
  const value = Number(input.value);
  const { form: sheet, item, helpFrom } = question.dataset;
  waiting.put({ form: sheet, item, value, client_id: mark(), answered_at: new Date().toISOString() });
  copy.put({ [input.name]: input.value });
  progress();
  const alarming = helpFrom !== undefined && value >= Number(helpFrom);
  if (alarming) showHelp();
  flush();
  return alarming;
}

// Only a tap moves on by itself: arrow keys change the choice too, and must not turn the page.
let tapped = false;
form.addEventListener("pointerdown", (event) => { tapped = Boolean(event.target.closest(".choice")); });
form.addEventListener("keydown", () => { tapped = false; });
form.addEventListener("change", (event) => {
  if (event.target.type !== "radio") return;
  const alarming = take(event.target);
  nextOf = at;
  clearTimeout(turning);
  if (tapped && !alarming && form.classList.contains("stepwise")) turning = setTimeout(turn, 180, at);
  tapped = false;
});

function turn(from) {
  go(following(from));
  if (at < steps.length - 1) nextOf = from;
}

function goNext() {
  const to = following(nextOf);
  if (to === at && !saved.classList.contains("tone-alarm")) {
    report(say("This is the next question already. Press Next again to leave it open."), false);
  }
  go(to);
}

function showFirstOpen() {
  const open = questions.findIndex(isOpen);
  onlyOpen = form.classList.contains("stepwise");
  if (onlyOpen) { go(open); return; }
  questions[open].scrollIntoView({ behavior: "instant", block: "center" });
  questions[open].querySelector("input").focus({ preventScroll: true });
}

function go(to) {
  clearTimeout(turning);
  at = Math.max(0, Math.min(to, steps.length - 1));
  nextOf = at;
  if (at === steps.length - 1) onlyOpen = false;
  steps.forEach((each, number) => each.toggleAttribute("data-now", number === at));
  bar.back.hidden = at === 0;
  bar.next.hidden = at === steps.length - 1;
  const now = steps[at];
  const target = now === last ? last : now.querySelector("input:checked") || now.querySelector("input");
  target.focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

function setView(stepwise) {
  form.classList.toggle("stepwise", stepwise);
  bar.view.textContent = stepwise ? say("All on one page") : say("One at a time");
  onlyOpen = false;
  if (stepwise) go(Math.max(0, questions.findIndex(isOpen)));
  else { bar.back.hidden = true; bar.next.hidden = true; }
}

bar.back.addEventListener("click", () => { onlyOpen = false; go(at - 1); });
bar.next.addEventListener("click", goNext);
bar.open.addEventListener("click", showFirstOpen);
bar.view.addEventListener("click", () => setView(!form.classList.contains("stepwise")));
help.querySelector("[data-go-on]").addEventListener("click", () => {
  help.hidden = true;
  if (form.classList.contains("stepwise")) go(following(at));
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter && event.submitter.value === "finish") setFinishing(true);
  flush();
});
window.addEventListener("online", () => { failures = 0; flush(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) flush(); });

function check(name, value) {
  const input = form.querySelector(`input[name="${CSS.escape(name)}"][value="${CSS.escape(value)}"]`);
  if (input) input.checked = true;
}

// What waited here since the last visit stands on the page again, and goes out; a copy of the page learns what
// was sent since it was made.
if (copy.isCopy) for (const [name, value] of Object.entries(copy.given)) check(name, value);
for (const tap of waiting.taps) check(`${tap.form}:${tap.item}`, String(tap.value));
copy.put(Object.fromEntries([...form.querySelectorAll(".question input:checked")].map((each) => [each.name, each.value])));
copy.hold();
form.querySelector("[data-plain]").hidden = true;
bar.view.hidden = false;
progress();
setView(true);
if (!questions.some(isOpen)) go(steps.length - 1);
if (!help.hidden) help.focus();
flush();

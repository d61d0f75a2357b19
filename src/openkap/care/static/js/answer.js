// Questions on a phone: one at a time, each answer saved by itself. Without the network answers wait in this
// browser and are sent when it is back; the server stores each one once, however often it arrives.

const form = document.getElementById("answer");
const storeKey = `openkap:${form.dataset.key}`;
const saved = document.getElementById("saved");
const help = document.getElementById("help-now");
const questions = [...form.querySelectorAll(".question")];
const last = form.querySelector("[data-last]");
const steps = [...questions, last];
const bar = Object.fromEntries([...form.querySelectorAll("[data-step]")].map((each) => [each.dataset.step, each]));
const WAITS = [1000, 2000, 5000, 10000, 30000];

let sending = false;
let failures = 0;
let timer = 0;
let at = 0;

// Each waiting answer has a key of its own, so that two tabs of one link never overwrite each other.
const box = { waiting: [], finishing: false };
function load() {
  try {
    box.waiting = Object.keys(localStorage).filter((key) => key.startsWith(`${storeKey}:tap:`))
      .map((key) => JSON.parse(localStorage.getItem(key)))
      .sort((one, other) => one.answered_at.localeCompare(other.answered_at));
    box.finishing = localStorage.getItem(`${storeKey}:finish`) === "yes";
  } catch { /* private mode: the page itself still holds them */ }
}
function put(tap) {
  box.waiting.push(tap);
  try { localStorage.setItem(`${storeKey}:tap:${tap.client_id}`, JSON.stringify(tap)); } catch { /* as above */ }
}
function drop(taps) {
  const sent = new Set(taps.map((tap) => tap.client_id));
  box.waiting = box.waiting.filter((tap) => !sent.has(tap.client_id));
  try { sent.forEach((id) => localStorage.removeItem(`${storeKey}:tap:${id}`)); } catch { /* as above */ }
}
function setFinishing(yes) {
  box.finishing = yes;
  try {
    if (yes) localStorage.setItem(`${storeKey}:finish`, "yes");
    else localStorage.removeItem(`${storeKey}:finish`);
  } catch { /* as above */ }
}

function mark() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function clock(text) { return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false }); }

function say() {
  const count = box.waiting.length;
  if (failures && count) saved.textContent = `No network: ${count} answer${count > 1 ? "s" : ""} kept on this device, sent when it is back.`;
  else if (failures && box.finishing) saved.textContent = "No network: this page finishes by itself when it is back.";
}

async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  if (answer.status >= 500) throw new TypeError("the server is not there");
  return { ok: answer.ok, status: answer.status, data: await answer.json().catch(() => ({})) };
}

function refused(data) {
  saved.textContent = (data.what ? `${data.what}. ${data.remedy || ""}` : "This could not be saved. Please call the clinic.");
  saved.classList.add("tone-alarm");
}

async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(timer);
  try {
    while (box.waiting.length) {
      const batch = box.waiting.slice(0, 50);
      const answer = await post(form.dataset.api, { answers: batch });
      drop(batch);
      if (!answer.ok) { refused(answer.data); break; }
      failures = 0;
      saved.textContent = `Saved ${clock(answer.data.saved_at)} on the clinic's server`;
      if (answer.data.needs_help) showHelp();
    }
    if (box.finishing && !box.waiting.length) {
      const answer = await post(form.dataset.finish, {});
      setFinishing(false);
      if (answer.ok) { window.location.assign(form.dataset.thanks); return; }
      refused(answer.data);
    }
  } catch {
    failures += 1;
    timer = setTimeout(flush, WAITS[Math.min(failures, WAITS.length) - 1]);
    say();
  } finally {
    sending = false;
  }
}

function answered() { return questions.filter((each) => each.querySelector("input:checked")); }

function progress() {
  const done = answered().length;
  document.getElementById("done").textContent = done;
  document.getElementById("progress").value = done;
  const open = questions.filter((each) => !each.querySelector("input:checked"));
  const line = document.getElementById("open-questions");
  line.hidden = !open.length;
  line.querySelector("span").textContent = `${open.length} question${open.length > 1 ? "s" : ""}.`;
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
  put({ form: sheet, item, value, client_id: mark(), answered_at: new Date().toISOString() });
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
  if (tapped && !alarming && form.classList.contains("stepwise")) setTimeout(() => go(at + 1), 180);
  tapped = false;
});

function go(to) {
  at = Math.max(0, Math.min(to, steps.length - 1));
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
  bar.view.textContent = stepwise ? "All on one page" : "One at a time";
  if (stepwise) go(Math.max(0, questions.findIndex((each) => !each.querySelector("input:checked"))));
  else { bar.back.hidden = true; bar.next.hidden = true; }
}

bar.back.addEventListener("click", () => go(at - 1));
bar.next.addEventListener("click", () => go(at + 1));
bar.view.addEventListener("click", () => setView(!form.classList.contains("stepwise")));
help.querySelector("[data-go-on]").addEventListener("click", () => {
  help.hidden = true;
  if (form.classList.contains("stepwise")) go(at + 1);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter && event.submitter.value === "finish") setFinishing(true);
  flush();
});
window.addEventListener("online", () => { failures = 0; flush(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) flush(); });

load();
// What waited here since the last visit stands on the page again, and goes out.
for (const tap of box.waiting) {
  const input = form.querySelector(`input[name="${CSS.escape(`${tap.form}:${tap.item}`)}"][value="${CSS.escape(String(tap.value))}"]`);
  if (input) input.checked = true;
}
form.querySelector("[data-plain]").hidden = true;
bar.view.hidden = false;
progress();
setView(true);
if (questions.every((each) => each.querySelector("input:checked"))) go(steps.length - 1);
if (!help.hidden) help.focus();
flush();

// Alerts that cannot be missed: a bar of their own above the chart, a sound while nobody acknowledged, the
// title of the page. Sign and word first, colour second. They never cover the pad. One is open, the highest
// first, and says which of how many it is; the others are a line each.

import { actInWords } from "./log.js";
import { node } from "./pad.js";
import { rest } from "./rest.js";
import { fired } from "./rules.js";

const WORD = { high: ["‼", "ACT NOW"], medium: ["!", "ATTEND"], low: ["i", "NOTE"] };
const ORDER = ["high", "medium", "low"];
// Among the highest: what ends the dose comes before what pauses it.
const GRAVEST = ["emergency", "stop_dose", "pause"];
const gravity = ({ action }) => (GRAVEST.includes(action) ? GRAVEST.indexOf(action) : GRAVEST.length);
const EVERY_MS = { high: 4000, medium: 12000, low: 0 };
const PUMP_ACT = { pause: "pause", stop_dose: "stop", emergency: "stop" };
const PUMP_WORDS = { pause: "‖ Pause the pump", stop: "■ Stop the dose" };

// Alerts this device works out for entries the server does not have yet.
export function provisional(data, state, entries) {
  const earlier = state.entries
    .filter((entry) => entry.kind === "vitals" && entry.counts)
    .map((entry) => ({ at: entry.at, heart_rate: entry.values.heart_rate?.number ?? undefined }));
  const known = new Set(state.alerts.map((alert) => `${alert.rule} ${alert.entry}`));
  return entries
    .filter((entry) => entry.act === "vitals")
    .flatMap((entry) =>
      fired(data, asFacts(entry.payload.values), state.baseline, earlier, entry.at).map((rule) => ({
        uid: "",
        rule: rule.id,
        entry: entry.id,
        action: rule.action,
        priority: rule.priority,
        at: entry.at,
        raised: entry.at,
        escalated: null,
        seen_at: null,
        isProvisional: true,
        told: { title: rule.title, say: rule.say, who: rule.who, action_words: rule.action_words, value: "", limit: "" },
      })),
    )
    .filter((alert) => !known.has(`${alert.rule} ${alert.entry}`));
}

// A limit as a person says it.
function spoken(text) {
  return text.replaceAll("mm[Hg]", "mmHg").replaceAll(/[sd]bp_baseline/g, "baseline").replaceAll("_", " ").replaceAll(">=", "at least").replaceAll("<=", "at most").replaceAll(">", "above").replaceAll("<", "below");
}

export function asFacts(values) {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [
      name,
      value === "yes" ? true : value === "no" ? false : Number(value),
    ]),
  );
}

// Acts with the drug that do not fit stand among the alerts until a person decides.
export function inDoubt(state) {
  return state.doubts
    .filter((doubt) => doubt.is_open)
    .map((doubt) => ({ uid: doubt.uid, rule: "DOSE", entry: doubt.id, priority: "medium", at: doubt.at, escalated: null, doubt }));
}

// A second tap on the same place must not answer the alert that has just moved under the finger.
function restCard(card, focus = null) {
  rest(card.querySelector(".alert-acts"), focus);
}

function made(className, text) {
  const button = node("button", className, text);
  button.type = "button";
  return button;
}

export class Alerts {
  constructor({ root, data, acknowledge, pump, settle, correct, time }) {
    Object.assign(this, { root, data, acknowledge, pump, settle, correct, time });
    this.cards = new Map();
    this.chosen = null;
    this.waiting = [];
    this.sound = null;
    this.lastBeep = 0;
  }

  // One card a rule: what fired three times needs one act, and each firing gets its own acknowledgement.
  show(alerts) {
    this.waiting = alerts.sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || gravity(a) - gravity(b) || a.at - b.at);
    const groups = new Map();
    for (const alert of this.waiting) {
      const key = alert.doubt ? `doubt ${alert.uid}` : alert.rule;
      groups.set(key, [...(groups.get(key) ?? []), alert]);
    }
    const before = [...this.cards.keys()];
    for (const key of before) if (!groups.has(key)) this.forget(key);
    [...groups].forEach(([key, group], index) => {
      // The same card stays: so does a half-written answer.
      const card = this.cards.get(key) ?? this.within(group[0].doubt ? this.doubtCard(group[0].doubt) : this.card());
      const isNews = card.tell?.(group);
      if (this.root.children[index] !== card.root) this.root.insertBefore(card.root, this.root.children[index] ?? null);
      if (before.length && (isNews || before[index] !== key)) restCard(card.root);
      this.cards.set(key, card);
    });
    this.cards = new Map([...groups.keys()].map((key) => [key, this.cards.get(key)]));
    const [first] = this.cards.keys();
    // What is new and above all others is looked at first, whatever was open.
    if (!this.cards.has(this.chosen) || !before.includes(first)) this.chosen = null;
    this.unfold();
  }

  // One card is open; a card with a half-written answer stays so too.
  unfold() {
    const keys = [...this.cards.keys()];
    keys.forEach((key, index) => {
      const { root } = this.cards.get(key);
      const isFront = key === (this.chosen ?? keys[0]);
      root.classList.toggle("is-front", isFront);
      root.classList.toggle("is-folded", !isFront && !root.querySelector("form"));
      const next = root.querySelector(".alert-next");
      next.hidden = keys.length < 2;
      next.textContent = `${index + 1} of ${keys.length} ›`;
      next.setAttribute("aria-label", `Alert ${index + 1} of ${keys.length}, show the next`);
    });
  }

  choose(key, focus = null) {
    this.chosen = key;
    this.unfold();
    restCard(this.cards.get(key).root, focus && this.cards.get(key).root.querySelector(focus));
    this.root.scrollTop = 0;
  }

  // To go on to the next, and to open a card from its line; the whole line is the target.
  within(card) {
    const keyNow = () => [...this.cards].find(([, each]) => each.root === card.root)[0];
    const [next, open] = [made("quiet alert-next"), made("quiet alert-open", "Open ›")];
    next.addEventListener("click", (event) => {
      // The card closes here: its line must not open it again.
      event.stopPropagation();
      const keys = [...this.cards.keys()];
      this.choose(keys[(keys.indexOf(keyNow()) + 1) % keys.length], ".alert-next");
    });
    card.root.addEventListener("click", () => { if (card.root.classList.contains("is-folded")) this.choose(keyNow()); });
    card.root.querySelector(".alert-acts").append(next);
    card.root.append(open);
    return card;
  }

  forget(key) {
    this.cards.get(key).root.remove();
    this.cards.delete(key);
  }

  doubtCard(doubt) {
    const card = node("article", "alert medium");
    const words = node("div");
    words.append(node("p", "alert-title", `? DECIDE: “${actInWords(doubt)}” at ${this.time(doubt.at)}`));
    words.append(node("p", "alert-do", `Entered by ${doubt.by}; it does not fit: ${doubt.why}. It counts for nothing until somebody decides.`));
    const acts = node("div", "alert-acts");
    for (const reason of ["Entered twice", "Did not happen"]) {
      const button = made("quiet", reason);
      button.addEventListener("click", () => this.settle(doubt, reason));
      acts.append(button);
    }
    const other = made("", "Correct its time");
    other.addEventListener("click", () => this.correct(doubt));
    acts.prepend(other);
    card.append(words, acts);
    card.dataset.rule = "DOSE";
    return { root: card };
  }

  // A card of a rule; `tell` writes what fired it, newest first, and says whether that is news.
  card() {
    const root = node("article");
    const words = node("div");
    const [title, act, small] = [node("p", "alert-title"), node("p", "alert-do"), node("p", "small")];
    words.append(title, act, small);
    const acts = node("div", "alert-acts");
    const done = made("alert-done", "Done as stated");
    const other = made("quiet alert-other", "Something else");
    acts.append(done, other);
    root.append(words, acts);
    let group = [];
    let shown = "";
    const answer = (said) => {
      restCard(root);
      for (const alert of group) this.acknowledge(alert, said);
    };
    const toDo = () => group[0].told.say ?? group[0].told.action_words ?? "";
    // What it rested on was crossed out or corrected: it stays until somebody has looked, and says so.
    const since = () => (group.every((alert) => alert.since) ? group[0].since : "");
    done.addEventListener("click", () => {
      if (since()) return answer(`Seen: ${since()}`);
      const kind = this.pumpAct(group[0]);
      if (kind === "stop") return this.pump().stop();
      if (kind === "pause") this.pump().pause();
      answer(`Done: ${toDo()}`);
    });
    other.addEventListener("click", () => this.ask(root, answer));
    const tell = (fired) => {
      group = [...fired].reverse();
      const [{ told, priority, rule, action }] = group;
      root.classList.remove(...ORDER);
      root.classList.add("alert", priority);
      root.dataset.rule = rule;
      const [sign, word] = WORD[priority];
      title.replaceChildren(`${sign} `, node("span", "alert-word", `${word}: `), `${told.title ?? rule}${group.length > 1 ? ` (${group.length} times)` : ""}`);
      act.textContent = since() ? `Since then ${spoken(since())}.` : `${toDo()} Who: ${told.who ?? "session nurse"}.`;
      const kind = since() ? "" : this.pumpAct(group[0]);
      done.textContent = since() ? "Seen so" : PUMP_WORDS[kind] ?? "Done as stated";
      done.hidden = Boolean(kind) && !this.pump().mayAct;
      small.textContent = this.because(group);
      if (action === "emergency" && !words.querySelector("ul")) words.append(this.steps(rule));
      // That the server has it now is no news to the nurse.
      const mark = JSON.stringify(group.map((alert) => [alert.entry || alert.uid, alert.escalated, alert.gone_to ?? "", alert.since ?? ""]));
      const isNews = mark !== shown;
      shown = mark;
      return isNews;
    };
    return { root, tell };
  }

  // Nothing is "done as stated" that asks to pause or stop while the pump runs: the tap does it, or leads to it.
  pumpAct({ action }) {
    return this.pump().isRunning ? PUMP_ACT[action] ?? "" : "";
  }

  because([alert, ...earlier]) {
    const { told } = alert;
    const seen = [told.value, told.limit ? `limit ${told.limit}` : ""].filter(Boolean).map(spoken).join("; ");
    const parts = [this.time(alert.at), alert.rule, seen];
    if (earlier.length) parts.push(`also ${earlier.map((each) => this.time(each.at)).join(", ")}`);
    if (alert.isProvisional) parts.push("worked out on this tablet, not recorded yet");
    const escalated = [alert, ...earlier].find((each) => each.escalated);
    if (escalated) parts.push(`nobody answered: gone to ${escalated.gone_to ?? "the prescriber"}, ${this.time(escalated.escalated)}`);
    return parts.filter(Boolean).join(" · ");
  }

  // The steps that name this rule; the whole card lies behind the red flag.
  steps(rule) {
    const list = node("ul");
    list.append(...this.data.emergency.filter((each) => each.text.includes(rule)).map((each) => node("li", "", each.text)));
    return list;
  }

  ask(card, answer) {
    if (card.querySelector("form")) return;
    const form = node("form");
    const input = node("input");
    input.setAttribute("aria-label", "What was done");
    input.placeholder = "What was done?";
    input.required = true;
    const send = node("button", "", "Acknowledge");
    form.append(input, send);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) answer(input.value.trim());
    });
    card.append(form);
    input.focus();
  }

  // Browsers allow sound only after a tap; the button in the head is that tap.
  allowSound(on) {
    if (on && !this.sound) this.sound = new AudioContext();
    if (on) this.sound.resume();
    else this.sound?.suspend();
  }

  // `top` is what sounds; a locked page hands in its own.
  beep(now, top = this.waiting[0]) {
    if (!top || !this.sound || this.sound.state !== "running") return;
    const every = EVERY_MS[top.priority];
    if (!every || now - this.lastBeep < every) return;
    this.lastBeep = now;
    const start = this.sound.currentTime;
    const pulses = top.priority === "high" ? 3 : 2;
    for (let index = 0; index < pulses; index += 1) {
      const tone = this.sound.createOscillator();
      const loud = this.sound.createGain();
      tone.frequency.value = top.priority === "high" ? 880 : 520;
      loud.gain.setValueAtTime(0.2, start + index * 0.25);
      loud.gain.setValueAtTime(0, start + index * 0.25 + 0.15);
      tone.connect(loud).connect(this.sound.destination);
      tone.start(start + index * 0.25);
      tone.stop(start + index * 0.25 + 0.16);
    }
  }
}

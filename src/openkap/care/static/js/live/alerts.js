// Alerts that cannot be missed: a bar of their own above the chart, a sound while nobody acknowledged, the
// title of the page. Sign and word first, colour second. They never cover the pad.

import { actInWords } from "./log.js";
import { node } from "./pad.js";
import { fired } from "./rules.js";

const WORD = { high: "‼ ACT NOW", medium: "! ATTEND", low: "i NOTE" };
const ORDER = ["high", "medium", "low"];
const EVERY_MS = { high: 4000, medium: 12000, low: 0 };
// A second tap on the same place must not answer the alert that has just moved under the finger.
const REST_MS = 400;

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

function rest(card) {
  const buttons = [...card.querySelectorAll(".alert-acts button")];
  for (const button of buttons) button.disabled = true;
  setTimeout(() => { for (const button of buttons) button.disabled = false; }, REST_MS);
}

export class Alerts {
  constructor({ root, data, acknowledge, settle, correct, time }) {
    Object.assign(this, { root, data, acknowledge, settle, correct, time });
    this.cards = new Map();
    this.waiting = [];
    this.sound = null;
    this.lastBeep = 0;
  }

  // One card a rule: what fired three times needs one act, and each firing gets its own acknowledgement.
  show(alerts) {
    this.waiting = alerts.sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || a.at - b.at);
    const groups = new Map();
    for (const alert of this.waiting) {
      const key = alert.doubt ? `doubt ${alert.uid}` : alert.rule;
      groups.set(key, [...(groups.get(key) ?? []), alert]);
    }
    const before = [...this.cards.keys()];
    for (const key of before) if (!groups.has(key)) this.forget(key);
    [...groups].forEach(([key, group], index) => {
      // The same card stays: so does a half-written answer.
      const card = this.cards.get(key) ?? (group[0].doubt ? this.doubtCard(group[0].doubt) : this.card());
      const isNews = card.tell?.(group);
      if (this.root.children[index] !== card.root) this.root.insertBefore(card.root, this.root.children[index] ?? null);
      if (before.length && (isNews || before[index] !== key)) rest(card.root);
      this.cards.set(key, card);
    });
    this.cards = new Map([...groups.keys()].map((key) => [key, this.cards.get(key)]));
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
      const button = node("button", "quiet", reason);
      button.type = "button";
      button.addEventListener("click", () => this.settle(doubt, reason));
      acts.append(button);
    }
    const other = node("button", "", "Correct its time");
    other.type = "button";
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
    const done = node("button", "", "Done as stated");
    const other = node("button", "quiet", "Something else");
    done.type = other.type = "button";
    acts.append(done, other);
    root.append(words, acts);
    let group = [];
    let shown = "";
    const answer = (said) => {
      rest(root);
      for (const alert of group) this.acknowledge(alert, said);
    };
    const toDo = () => group[0].told.say ?? group[0].told.action_words ?? "";
    done.addEventListener("click", () => answer(`Done: ${toDo()}`));
    other.addEventListener("click", () => this.ask(root, answer));
    const tell = (fired) => {
      group = [...fired].reverse();
      const [{ told, priority, rule, action }] = group;
      root.className = `alert ${priority}`;
      root.dataset.rule = rule;
      title.textContent = `${WORD[priority]}: ${told.title ?? rule}${group.length > 1 ? ` (${group.length} times)` : ""}`;
      act.textContent = `${toDo()} Who: ${told.who ?? "session nurse"}.`;
      small.textContent = this.because(group);
      if (action === "emergency" && !words.querySelector("ul")) words.append(this.steps());
      // That the server has it now is no news to the nurse.
      const mark = JSON.stringify(group.map((alert) => [alert.entry || alert.uid, alert.escalated, alert.gone_to]));
      const isNews = mark !== shown;
      shown = mark;
      return isNews;
    };
    return { root, tell };
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

  steps() {
    const list = node("ul");
    list.append(...this.data.emergency.map((each) => node("li", "", each.text)));
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

  beep(now) {
    const top = this.waiting[0];
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

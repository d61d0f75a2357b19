// Alerts that cannot be missed: a bar of their own above the chart, a sound while nobody acknowledged, the
// title of the page. Sign and word first, colour second. They never cover the pad.

import { actInWords } from "./log.js";
import { node } from "./pad.js";
import { fired } from "./rules.js";

const WORD = { high: "‼ ACT NOW", medium: "! ATTEND", low: "i NOTE" };
const ORDER = ["high", "medium", "low"];
const EVERY_MS = { high: 4000, medium: 12000, low: 0 };

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

export class Alerts {
  constructor({ root, data, acknowledge, settle, correct, time }) {
    Object.assign(this, { root, data, acknowledge, settle, correct, time });
    this.shown = "";
    this.waiting = [];
    this.sound = null;
    this.lastBeep = 0;
  }

  show(alerts) {
    this.waiting = alerts.sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || a.at - b.at);
    const mark = JSON.stringify(this.waiting.map((each) => [each.uid, each.rule, each.entry, each.escalated]));
    // Drawn only when something changed: a half-written answer stays.
    if (mark === this.shown) return;
    this.shown = mark;
    this.root.replaceChildren(...this.waiting.map((alert) => (alert.doubt ? this.doubtCard(alert.doubt) : this.card(alert))));
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
    return card;
  }

  card(alert) {
    const card = node("article", `alert ${alert.priority}`);
    const told = alert.told;
    const words = node("div");
    words.append(node("p", "alert-title", `${WORD[alert.priority]}: ${told.title ?? alert.rule}`));
    const seen = [told.value, told.limit ? `limit ${told.limit}` : ""].filter(Boolean).map(spoken).join("; ");
    words.append(node("p", "alert-do", `${told.say ?? told.action_words ?? ""} Who: ${told.who ?? "session nurse"}.`));
    const small = [this.time(alert.at), alert.rule, seen];
    if (alert.isProvisional) small.push("worked out on this tablet, not recorded yet");
    if (alert.escalated) small.push(`escalated to the prescribers ${this.time(alert.escalated)}`);
    words.append(node("p", "small", small.filter(Boolean).join(" · ")));
    if (alert.action === "emergency") words.append(this.steps());
    const acts = node("div", "alert-acts");
    const done = node("button", "", "Done as stated");
    done.type = "button";
    done.addEventListener("click", () => this.acknowledge(alert, `Done: ${told.say ?? told.action_words ?? ""}`));
    const other = node("button", "quiet", "Something else");
    other.type = "button";
    other.addEventListener("click", () => this.ask(card, alert));
    acts.append(done, other);
    card.append(words, acts);
    card.dataset.rule = alert.rule;
    return card;
  }

  steps() {
    const list = node("ul");
    list.append(...this.data.emergency.map((each) => node("li", "", each.text)));
    return list;
  }

  ask(card, alert) {
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
      if (input.value.trim()) this.acknowledge(alert, input.value.trim());
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

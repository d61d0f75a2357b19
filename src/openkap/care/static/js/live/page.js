// The live page: holds the state, polls, counts down, and lets the parts draw. No part keeps a truth of its own.

import { Alerts, inDoubt, provisional } from "./alerts.js";
import { drawChart } from "./chart.js";
import { aheadInWords, clockAt, ServerClock, wallTime } from "./clock.js";
import { doseAct, doseMark, drugPanel, pumpAct, pumpNow, rested } from "./dose.js";
import { Drafts, markUntouched } from "./drafts.js";
import { emergencyCard } from "./emergency.js";
import { eventPanel } from "./events.js";
import { alarmBehind, alertsInWords, drawLock, waitingBehind } from "./lock.js";
import { drawLog, nameItems } from "./log.js";
import { newId, Outbox } from "./outbox.js";
import { node, Pad } from "./pad.js";
import { comfortPanel, correctPanel, crossOutPanel, leavingPanel, notePanel } from "./panels.js";
import { refusedPanel } from "./refused.js";
import { rest } from "./rest.js";
import { soundButton } from "./sound.js";
import { memoryStore, openStore } from "./store.js";

const POLL_MS = 2000;
const ASK_MS = 6000;
const RELOAD_MS = 10_000;
const MINUTE = 60_000;
// Where an act is entered: what was half entered there is done with.
const PANEL_OF = { rate: "drug", stop: "drug", leaving: "leaving", event: "event", note: "note", photo: "note", correct: "correct", take_back: "correct", event_in_error: "correct", photo_in_error: "correct" };
const LOOKS_ON = "Your role may look on here; the session's nurse or prescriber enters.";
const by = (id) => document.getElementById(id);

// Thrown where the server was there and said no.
class Heard extends TypeError {}

class Page {
  constructor(data, store) {
    this.data = data;
    this.store = store;
    this.state = data.state;
    nameItems(data.short_scale);
    this.mayWrite = data.may_write;
    this.clock = data.speed ? practiceClock(data) : new ServerClock();
    this.csrf = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    this.device = deviceName();
    this.online = null;
    this.asked = 0;
    this.shownOrder = 0;
    this.isLocked = false;
    this.behindLock = null;
    this.isForbidden = false;
    this.lastHeard = null;
    this.isActive = true;
    this.screens = [];
    this.tab = "vitals";
    this.outbox = new Outbox({
      store,
      clock: this.clock,
      who: data.who,
      post: (entries) => this.post(entries),
      changed: () => this.drawSoon(),
      saved: () => this.drawSoon(),
    });
    this.drafts = new Drafts(store, `draft:${data.key}:${data.who.uid}`, () => this.clock.wall());
    this.alerts = new Alerts({
      root: by("alerts"),
      data,
      time: (ms) => this.time(ms),
      acknowledge: (alert, done) => this.acknowledge(alert, done),
      pump: () => this.pumpForAlerts(),
      settle: (doubt, reason) => this.send("settle", { doubt: doubt.uid, reason }),
      correct: (doubt) => this.correct(doubt, true),
    });
  }

  async start() {
    const kept = await this.store.kept(`state:${this.data.key}`).catch(() => null);
    // A page from the worker's copy is older than what this device has seen since.
    if (kept && kept.at > this.data.now) this.state = kept.state;
    this.clock.remember?.(await this.store.kept("clock").catch(() => null));
    await this.outbox.open();
    await this.drafts.open();
    const half = this.drafts.of("vitals");
    this.isLocked = Boolean(await this.store.kept("locked").catch(() => false));
    this.pad = new Pad({
      root: by("panel-vitals"),
      fields: this.data.vitals,
      last: (name) => this.lastValue(name),
      picked: (values) => this.picked(values),
      done: () => by("save-vitals").focus(),
    });
    this.at = this.when(document.querySelector("#panel-vitals .when"));
    this.tabs();
    document.body.classList.toggle("looks-on", !this.mayWrite);
    this.listen();
    this.pad.draw();
    if (half) {
      this.pad.fill(half.values);
      this.say(`Entered ${this.dayTime(half.at)} and not saved. Look again before you save.`);
    }
    this.draw();
    this.outbox.flush();
    this.poll();
    this.tick();
    setInterval(() => this.tick(), 500);
    new ResizeObserver(() => this.drawSoon()).observe(by("chart"));
    if (this.data.urls.worker) navigator.serviceWorker?.register(this.data.urls.worker, { scope: "/" }).catch(() => {});
  }

  listen() {
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { this.isActive = true; });
    addEventListener("online", () => this.pollNow());
    addEventListener("offline", () => this.lost());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.pollNow(); });
    for (const kind of ["input", "change"]) by("panel-other").addEventListener(kind, () => this.drafts.keepFields(this.draft, by("panel-other")));
    by("save-vitals").addEventListener("click", () => this.saveVitals());
    by("red-flag").addEventListener("click", () => emergencyCard(this));
    by("unsaved").addEventListener("click", () => (this.isLocked ? location.reload() : document.body.classList.toggle("shows-log")));
    soundButton(by("sound"), this.alerts);
    by("facts")?.addEventListener("click", () => {
      const isOpen = document.body.classList.toggle("shows-facts");
      by("facts").setAttribute("aria-expanded", isOpen);
    });
    addEventListener("pagehide", () => this.goodbye());
    addEventListener("beforeunload", (event) => { if (this.outbox.keeping || (this.store.isMemory && this.outbox.held)) event.preventDefault(); });
  }

  // ---- network

  async ask(url, options = {}) {
    if (this.data.cutNow?.()) throw new TypeError("practised cut");
    const sentAt = this.clock.wall();
    const order = ++this.asked;
    const answer = await fetch(url, { ...options, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(ASK_MS) });
    if (answer.status === 423 || answer.type === "opaqueredirect" || answer.status === 401) {
      this.locked(await answer.json().catch(() => null));
      throw new Heard("locked");
    }
    // Not a lock: what was sent stays here, and the rest of the page goes on.
    if (answer.status === 403) {
      this.isForbidden = true;
      throw new Heard("not allowed");
    }
    if (!answer.ok && answer.status !== 400) throw new TypeError(`answered ${answer.status}`);
    if (options.method === "POST") this.isForbidden = false;
    const told = await answer.json();
    this.heard(told, sentAt, order);
    return told;
  }

  heard(told, sentAt, order) {
    if (told.now) {
      this.clock.heard(sentAt, told.now, this.clock.wall());
      if (!this.data.speed) this.store.keep("clock", { ahead: this.clock.ahead, at: this.clock.wall() }).catch(() => {});
    }
    if (told.who && told.who !== this.data.who.uid) return this.handedOver();
    if (told.csrf) this.csrf = told.csrf;
    if (told.screens) this.screens = told.screens;
    this.online = true;
    if (this.isLocked) this.unlocked();
    this.lastHeard = this.clock.wall();
    // An answer that was overtaken by the answer to a later question is older than what is shown.
    if (told.state && order > this.shownOrder) {
      this.shownOrder = order;
      this.state = { ...told.state, mark: told.mark };
      this.store.keep(`state:${this.data.key}`, { at: told.now, state: this.state }).catch(() => {});
      this.draw();
    } else this.drawHead();
  }

  // Somebody else has logged in beside this page: nothing more is entered under the earlier name. The page may come
  // back old, out of the worker's copy; it then stays covered and asks again later.
  handedOver() {
    this.locked(null);
    this.drawHead();
    const before = Number(sessionStorage.getItem("openkap-reloaded") ?? 0);
    if (this.outbox.keeping || this.clock.wall() - before < RELOAD_MS) return;
    sessionStorage.setItem("openkap-reloaded", this.clock.wall());
    location.reload();
  }

  about() {
    const ahead = this.clock.ahead;
    return { device: this.device.id, name: this.device.name, waiting: this.outbox.held, ...(ahead === null ? {} : { ahead_ms: ahead }) };
  }

  // A tablet that goes away with nothing in hand says so: one that falls silent may hold entries.
  goodbye() {
    if (this.outbox.held || !this.data.urls.session) return;
    fetch(`${this.data.urls.state}?${new URLSearchParams({ ...this.about(), left: 1 })}`, { keepalive: true }).catch(() => {});
  }

  async post(entries) {
    const body = JSON.stringify({ ...this.about(), mark: this.state.mark ?? "", device_now: new Date(this.clock.wall()).toISOString(), entries });
    try {
      const told = await this.ask(this.data.urls.sync, { method: "POST", body, headers: { "Content-Type": "application/json", "X-CSRFToken": this.csrf } });
      return told.answers;
    } catch (failed) {
      this.lost(failed);
      throw failed;
    }
  }

  async poll() {
    clearTimeout(this.timer);
    const query = new URLSearchParams({ ...this.about(), mark: this.state.mark ?? "", ...(this.isActive ? { active: 1 } : {}) });
    try {
      await this.ask(`${this.data.urls.state}?${query}`);
      this.isActive = false;
      this.outbox.flush();
    } catch (failed) {
      this.lost(failed);
    }
    this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  pollNow() {
    this.poll();
  }

  // The server answered, if only with a no: that is no lost network.
  lost(failed) {
    this.online = failed instanceof Heard;
    this.drawHead();
  }

  // Kept, so that a reload without network does not open what was locked.
  locked(told) {
    if (!this.isLocked) this.store.keep("locked", true).catch(() => {});
    this.isLocked = true;
    this.behindLock = told ?? this.behindLock;
    this.drawTitle();
  }

  unlocked() {
    this.isLocked = false;
    this.behindLock = null;
    this.store.forget("locked").catch(() => {});
  }

  // ---- what people do

  async send(act, payload, observedAt = null) {
    if (!this.mayWrite) {
      this.say(LOOKS_ON);
      return null;
    }
    const { draft } = this;
    this.rest();
    try {
      // Minutes back on a clock that nobody has measured are kept as that: the moment follows when it is measured.
      const back = observedAt?.back ?? 0;
      const at = back ? null : observedAt ?? (this.data.speed ? Math.round(this.clock.now()) : null);
      const entry = await this.outbox.add(act, payload, { observedAt: at, back });
      if (PANEL_OF[act] === draft.split(" ")[0]) this.drafts.forget(draft);
      this.announce("Kept on this tablet; sending.");
      return entry;
    } catch {
      this.say("This tablet cannot keep the entry (storage is full or blocked). It is NOT saved: write it on paper.");
      return null;
    }
  }

  // What was just entered, or was drawn anew under the finger, is not answered twice.
  rest() {
    for (const panel of document.querySelectorAll(".pad-panel")) rest(panel);
  }

  async saveVitals() {
    const values = Object.fromEntries(Object.entries(this.pad.values).map(([name, value]) => [name, `${value}`]));
    if (!Object.keys(values).length) return this.say("Nothing is entered yet.");
    const unusual = this.data.vitals.filter((field) => {
      const value = this.pad.values[field.id];
      return value !== undefined && field.plausible && (value < field.plausible[0] || value > field.plausible[1]);
    });
    const { sbp, dbp } = this.pad.values;
    const isTurned = sbp !== undefined && dbp !== undefined && dbp >= sbp;
    const diastolic = this.data.vitals.find((field) => field.id === "dbp");
    if (isTurned && !unusual.includes(diastolic)) unusual.push(diastolic);
    // Asked about once; what is then saved anyway has been looked at. Other values are asked about anew.
    const asked = JSON.stringify(unusual.map((field) => [field.id, this.pad.values[field.id]]));
    if (unusual.length && this.lookedAt !== asked) {
      this.lookedAt = asked;
      this.pad.asked = Object.fromEntries(unusual.map((field) => [field.id, "unusual"]));
      this.pad.draw();
      const said = unusual.map((field) => `${field.label.toLowerCase()} ${this.pad.values[field.id]}`).join(", ");
      const turned = isTurned ? ", and not below the systolic" : "";
      return this.say(`Unusual: ${said}${turned}. Look again; save once more if that is what the monitor shows.`);
    }
    const held = this.pad.values;
    const seenAt = this.at.value();
    this.pad.clear();
    const kept = await this.send("vitals", { values, ...(unusual.length ? { confirmed: true } : {}) }, seenAt);
    if (!kept) return this.pad.fill({ ...held, ...this.pad.values });
    this.lookedAt = "";
    this.say(this.mayTakeVitals() ? "" : "The dose has not started on the server yet; the reading waits on this tablet.");
    this.at.reset();
  }

  mayTakeVitals() {
    return ["dosing", "recovery"].includes(this.state.session.state);
  }

  acknowledge(alert, done) {
    const payload = alert.uid ? { alert: alert.uid, done } : { rule: alert.rule, entry: alert.entry, done };
    this.send("acknowledge", payload);
  }

  // What an alert that asks to pause or stop can do about a pump that runs.
  pumpForAlerts() {
    const isRunning = this.state.session.state === "dosing" && pumpNow(this) === "running";
    return { isRunning, mayAct: this.data.may_give, pause: () => doseAct(this, "pause"), stop: () => this.open("drug") };
  }

  correct(row, isDose) {
    document.body.classList.remove("shows-log");
    this.open("correct", correctPanel(this, row, isDose), row.id);
  }

  crossOut(row, what, act) {
    document.body.classList.remove("shows-log");
    this.open("correct", crossOutPanel(this, row, what, act), row.id);
  }

  update(event) {
    document.body.classList.remove("shows-log");
    this.open("event", eventPanel(this, event), event.id);
  }

  correctRefused(entry, title, said) {
    document.body.classList.remove("shows-log");
    this.open("refused", refusedPanel(this, entry, title, said), entry.id);
  }

  // Adverse events as they stand: those of the record, and those that still wait on this tablet.
  eventsNow() {
    const waiting = this.outbox.entries
      .filter((entry) => entry.act === "event")
      .map((entry) => ({ ...entry.payload, id: entry.id, at: this.outbox.observedAt(entry), ended: entry.payload.ended_at ? Date.parse(entry.payload.ended_at) : null, counts: true, is_waiting: true }));
    const gone = new Set(this.outbox.entries.filter((entry) => ["event", "event_in_error"].includes(entry.act)).map((entry) => entry.payload.corrects));
    const held = this.state.adverse.filter((each) => each.counts && !waiting.some((one) => one.id === each.id));
    return [...held, ...waiting].filter((each) => !gone.has(each.id));
  }

  // ---- panels

  tabs() {
    // On a phone all six stand side by side.
    this.isNarrow = matchMedia("(max-width: 36rem)").matches;
    const tabs = this.isNarrow
      ? [["vitals", "Vitals"], ["drug", "Drug"], ["comfort", "Comfort"], ["leaving", "Leaving"], ["event", "Event"], ["note", "Note"]]
      : [["vitals", "Vital signs"], ["drug", "Drug"], ["comfort", "Comfort"], ["leaving", "Leaving"], ["event", "Adverse event"], ["note", "Note, photo"]];
    document.querySelector(".pad-tabs").replaceChildren(
      ...tabs.map(([name, label]) => {
        const tab = node("button", "", label);
        tab.type = "button";
        tab.dataset.tab = name;
        tab.addEventListener("click", () => this.open(name));
        return tab;
      }),
    );
    this.open(["planned", "arrived", "cleared"].includes(this.state.session.state) ? "drug" : "vitals");
  }

  // `about` is the row that a panel corrects: each has a draft of its own.
  open(name, content = null, about = "") {
    this.tab = name;
    this.draft = `${name} ${about}`;
    for (const tab of document.querySelectorAll(".pad-tabs button")) tab.setAttribute("aria-pressed", tab.dataset.tab === name ? "true" : "false");
    by("panel-vitals").hidden = name !== "vitals";
    by("panel-other").hidden = name === "vitals";
    const make = { drug: drugPanel, comfort: comfortPanel, leaving: leavingPanel, event: eventPanel, note: notePanel }[name];
    if (name !== "vitals") {
      by("panel-other").replaceChildren(content ?? make(this));
      markUntouched(by("panel-other"));
      this.drafts.fillFields(this.draft, by("panel-other"));
      if (name === "drug" ? !this.data.may_give : !this.mayWrite) this.lookOn(by("panel-other"));
    }
    this.panelMark = this.state.mark;
    this.panelDose = doseMark(this);
  }

  // What somebody may not do is not offered to them.
  lookOn(panel) {
    for (const each of panel.querySelectorAll("button, input, select, textarea")) each.remove();
    panel.prepend(node("p", "note", LOOKS_ON));
  }

  // A panel that shows what has changed is drawn anew; not under somebody who types or is being asked, unless the
  // drug itself stands otherwise now. What was typed stays as a draft.
  refreshPanel() {
    if (this.tab !== "drug" && this.tab !== "leaving") return;
    const panel = by("panel-other");
    const isBusy = panel.querySelector(".confirm") || (panel.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
    const isStale = this.tab === "drug" && this.panelDose !== doseMark(this);
    if (!isStale && (isBusy || this.panelMark === this.state.mark)) return;
    this.open(this.tab);
    this.rest();
  }

  // When it was seen: now, or some minutes ago, by taps.
  when(root = node("div", "when")) {
    let back = 0;
    const shown = node("strong");
    const moment = () => (this.clock.isKnown ? `${this.time(this.clock.now() - back * MINUTE)} (${back} min ago)` : `${back} min ago`);
    const draw = () => { shown.textContent = back ? moment() : "seen now"; };
    const step = (label, change) => {
      const button = node("button", "quiet", label);
      button.type = "button";
      button.addEventListener("click", () => { back = Math.max(0, back + change); draw(); });
      return button;
    };
    root.replaceChildren(step("−1 min", 1), shown, step("+1 min", -1));
    draw();
    const value = () => (this.clock.ahead === null ? { back: back * MINUTE } : Math.round(this.clock.now() - back * MINUTE));
    return { root, value: () => (back ? value() : null), reset: () => { back = 0; draw(); } };
  }

  // HH:MM as it was nearest to `near`, and not after `latest`. Where the clocks went forward over it, it says so.
  moment(text, near, latest) {
    const at = clockAt(text, near, this.data.zone ?? "UTC", latest);
    if (at === null) this.say(`${text} did not exist: the clocks went forward. Enter what the clock on the wall showed.`);
    return at;
  }

  lastValue(name) {
    const rows = this.state.entries.filter((entry) => entry.kind === "vitals" && entry.counts && entry.values[name]);
    const last = rows[rows.length - 1]?.values[name]?.number;
    return last ?? this.state.baseline[name] ?? null;
  }

  picked(values) {
    this.drafts.keep("vitals", values);
    const words = [];
    if (values.sbp !== undefined || values.dbp !== undefined) words.push(`${values.sbp ?? "–"}/${values.dbp ?? "–"}`);
    for (const field of this.data.vitals.slice(2)) if (values[field.id] !== undefined) words.push(`${field.short} ${values[field.id]}`);
    by("save-vitals").textContent = words.length ? `Save ${words.join(" · ")}` : "Save";
    by("save-vitals").disabled = !this.mayWrite;
  }

  say(text) {
    const place = this.tab === "vitals" ? document.querySelector(".pad-said") : by("announce");
    place.textContent = text;
    if (this.tab !== "vitals" && text) {
      const line = node("p", "error", text);
      by("panel-other").prepend(line);
      setTimeout(() => line.remove(), 6000);
    }
  }

  announce(text) {
    by("announce").textContent = text;
  }

  // ---- drawing

  time(ms) {
    return wallTime(ms, this.data.zone ?? "UTC");
  }

  // With its day where that is not today.
  dayTime(ms) {
    const day = (at) => new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: this.data.zone ?? "UTC" });
    return day(ms) === day(this.clock.now()) ? this.time(ms) : `${day(ms)} ${this.time(ms)}`;
  }

  givenNow() {
    const { dose, begun } = this.state;
    if (!dose) return null;
    if (begun === null) return 0;
    if (!dose.rates.some(([, rate]) => rate > 0)) return dose.given_mg;
    const now = (this.clock.now() - begun) / MINUTE;
    const total = dose.rates.reduce((sum, [minute, rate], index) => {
      const end = Math.min(now, index + 1 < dose.rates.length ? dose.rates[index + 1][0] : now);
      return sum + Math.max(0, end - minute) * (rate / 60);
    }, 0);
    return Math.min(dose.ordered_mg, total);
  }

  drawSoon() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = null; this.draw(); });
  }

  waitingVitals() {
    return this.outbox.entries
      .filter((entry) => entry.act === "vitals")
      .map((entry) => ({ ...entry, at: this.outbox.observedAt(entry) }));
  }

  draw() {
    const waiting = this.waitingVitals();
    drawChart(document.querySelector("#chart svg"), this.state, { now: this.clock.now(), waiting: waiting.map((entry) => ({ at: entry.at, values: entry.payload.values })), zone: this.data.zone });
    this.drawLegend();
    drawLog(this, document.querySelector("#log ol"));
    this.drawAlerts(waiting);
    this.drawConsent();
    this.drawHead();
    if (this.tab === "vitals") this.pad?.refresh();
    this.refreshPanel();
  }

  drawAlerts(waiting) {
    const acked = this.outbox.entries.filter((entry) => entry.act === "acknowledge").map((entry) => entry.payload);
    const isAcked = (alert) => acked.some((each) => (each.alert ? each.alert === alert.uid : each.rule === alert.rule && each.entry === alert.entry));
    const open = [...this.state.alerts.filter((alert) => !alert.seen_at), ...provisional(this.data, this.state, waiting)];
    const decided = this.outbox.entries.map((entry) => entry.payload.doubt ?? entry.payload.corrects);
    const doubts = inDoubt(this.state).filter((each) => !decided.includes(each.uid) && !decided.includes(each.entry));
    this.alerts.show([...open.filter((alert) => !isAcked(alert)), ...doubts]);
    this.drawTitle();
  }

  // The banner came with the page; consent may end while it is open.
  drawConsent() {
    const { consent } = this.state;
    const place = [...document.querySelectorAll(".banner-facts dt")].find((each) => each.textContent === "Consent");
    if (!consent || !place) return;
    place.parentElement.className = `tone-${consent.tone}`;
    place.nextElementSibling.textContent = consent.words;
    if (consent.tone === "alarm") place.closest(".banner").classList.add("has-alarm");
  }

  // With the alert itself, not a second later: another window may be in front.
  drawTitle() {
    if (this.isLocked) {
      document.title = [alertsInWords(waitingBehind(this)), "screen locked"].filter(Boolean).join(" – ");
      return;
    }
    const count = this.alerts.waiting.length;
    document.title = `${count ? `‼ ${count} alert${count > 1 ? "s" : ""} – ` : ""}${by("due").dataset.short ?? ""} ${this.state.session.chair}`;
  }

  drawLegend() {
    const told = this.state.expected;
    const legend = by("legend");
    const mark = JSON.stringify([told.model, told.site, told.why_not, told.earlier, told.warnings?.length]);
    if (legend.dataset.mark === mark) return;
    legend.dataset.mark = mark;
    legend.replaceChildren(node("span", "", "∨ systolic  ∧ diastolic  ● pulse. "));
    if (!told.minutes.length) return void legend.append(`No expected bands: ${told.why_not}.`);
    legend.append(`Grey: ${Math.round(told.level * 100)} % of readings expected for this person and this dose as given (not a diagnosis); ${told.site.replaceAll("_", " ")} level, model ${told.model}, confidence ${told.confidence.replaceAll("_", " ")}; ${told.earlier ? `${told.earlier} earlier sessions used` : "no earlier sessions"}. `);
    const details = node("details");
    details.append(node("summary", "", "Sources and limits"), node("span", "", ` ${told.cohort}. ${told.warnings.join("; ")}. Sources: ${told.sources.join(", ")}.`));
    legend.append(details);
  }

  drawHead() {
    drawLock(this);
    const waits = this.outbox.waiting.length + this.outbox.keeping;
    const stuck = this.outbox.unsettled.length;
    const { others } = this.outbox;
    const button = by("unsaved");
    const network = this.isLocked ? "screen locked: tap to unlock" : this.isForbidden ? "this login may not send it: log in as somebody who may" : this.online === false ? "no network" : "";
    button.className = stuck ? "quiet is-stuck" : waits || network || others.length ? "quiet is-waiting" : "quiet is-saved";
    const words = [];
    if (stuck) words.push(`${stuck} not taken: decide`);
    if (waits) words.push(`${waits} not saved yet`);
    for (const [name, count] of others) words.push(`${count} ${count > 1 ? "entries wait" : "entry waits"} for ${name ? `${name} to log in here` : "whoever entered it to say so"}`);
    if (network) words.push(network);
    if (this.store.isMemory) words.push("a reload would lose entries");
    button.textContent = words.length ? words.join("; ") : "✓ all saved";
    const ahead = this.clock.ahead;
    const screens = this.screens.filter((each) => each.is_there && each.device !== this.device.id);
    const held = screens.reduce((sum, each) => sum + each.waiting, 0);
    button.title = `This tablet's clock: ${aheadInWords(ahead)}. Also here: ${screens.map((each) => `${each.by} (clock ${aheadInWords(each.ahead_ms)}, ${each.waiting} waiting)`).join(", ") || "nobody"}`;
    if (held) button.textContent += `; ${held} wait on another tablet`;
    if (ahead === null && this.clock.isKnown) button.textContent += "; times as this clock was last measured";
    if (ahead !== null && Math.abs(ahead) > 5000 && !this.data.speed) button.textContent += `; this clock is ${aheadInWords(ahead)}`;
  }

  tick() {
    const now = this.clock.now();
    const { session, begun } = this.state;
    by("wall").textContent = this.clock.isKnown ? this.time(now) : "--:--";
    by("phase").textContent = session.words;
    by("elapsed").textContent = begun === null ? "not started" : this.clock.isKnown ? minutesInWords((now - begun) / MINUTE) : `since ${this.time(begun)}`;
    this.drawDue(now);
    this.drawScale(now);
    const dose = this.state.dose;
    const given = this.givenNow();
    const pump = pumpNow(this);
    const isEmpty = dose && given >= dose.ordered_mg - 1e-6 && pump === "running";
    by("pump").textContent = dose ? `${isEmpty ? "dose complete: record the stop" : `pump ${pump}${pump === dose.pump ? "" : ", not saved yet"}`}${dose.rate_ml_h && pump === "running" && !isEmpty ? ` ${dose.rate_ml_h} mL/h` : ""} · ${given.toFixed(1)} of ${dose.ordered_mg} mg` : "no dose ordered";
    this.drawPumpAct(dose, session);
    this.alerts.beep(this.clock.wall(), this.isLocked ? alarmBehind(this) : undefined);
    this.drawTitle();
    if (!this.redrawn || now - this.redrawn > 15_000) {
      this.redrawn = now;
      drawChart(document.querySelector("#chart svg"), this.state, { now, waiting: this.waitingVitals().map((entry) => ({ at: entry.at, values: entry.payload.values })), zone: this.data.zone });
    }
  }

  // One tap from everywhere: the pump's next act.
  drawPumpAct(dose, session) {
    const button = by("pump-act");
    const isOver = dose && this.givenNow() >= dose.ordered_mg - 1e-6;
    const pump = pumpNow(this);
    const next = pump === "paused" ? "resume" : isOver ? "stop" : "pause";
    const act = session.state === "dosing" && dose && pump !== "stopped" && this.data.may_give ? next : "";
    button.hidden = !act;
    if (button.dataset.act === act) return;
    button.dataset.act = act;
    button.textContent = { resume: "▶ Resume", pause: "‖ Pause", stop: "■ Stop" }[act] ?? "";
    // How much was given has to be read off the pump: the stop is entered in its own panel.
    button.onclick = () => (act === "stop" ? this.open("drug") : pumpAct(this, act));
    rested(this, button);
  }

  // The tab says when the short dissociation scale is due, unless a score still waits here.
  drawScale(now) {
    const tab = document.querySelector('.pad-tabs [data-tab="comfort"]');
    const due = this.state.scale_due;
    const scale = this.data.short_scale;
    const isWaiting = Boolean(scale) && this.waitingVitals().some((entry) => entry.payload.values[scale.id] !== undefined);
    const isDue = Boolean(scale && due) && due <= now && !isWaiting;
    const words = isDue ? (this.isNarrow ? `${scale.short}!` : `Comfort: ${scale.short} due`) : "Comfort";
    if (!tab || tab.textContent === words) return;
    tab.textContent = words;
    tab.classList.toggle("is-due", isDue);
  }

  drawDue(now) {
    const place = by("due");
    const due = this.dueNow();
    place.classList.toggle("is-soon", Boolean(due) && Math.abs(due.at - now) < MINUTE);
    // Within the minute it is due, not late.
    const isLate = Boolean(due) && now - due.at >= MINUTE;
    place.classList.toggle("is-late", isLate);
    if (!due) {
      const words = this.state.begun === null ? (this.state.session.state === "cleared" ? "Start the dose" : "Clear the gates") : this.mayTakeVitals() ? "Schedule done: check leaving" : this.state.session.words;
      place.dataset.short = "";
      return void (place.textContent = words);
    }
    if (!this.clock.isKnown) {
      place.classList.remove("is-late", "is-soon");
      place.dataset.short = "";
      return void (place.textContent = `Clock not measured: vitals due at ${this.time(due.at)}`);
    }
    const left = due.at - now;
    const clock = `${Math.floor(Math.abs(left) / MINUTE)}:${String(Math.floor((Math.abs(left) % MINUTE) / 1000)).padStart(2, "0")}`;
    place.dataset.short = isLate ? `LATE ${clock}` : left < 0 ? "now" : clock;
    place.lastChild?.nodeName === "SMALL" || place.replaceChildren(document.createTextNode(""), node("small"));
    place.firstChild.textContent = isLate ? `Vitals ${clock} late` : left < 0 ? "Vitals now" : `Vitals in ${clock}`;
    place.lastChild.textContent = `${this.time(due.at)}, ${due.why}${due.here ? "; counted with what waits on this tablet" : ""}`;
  }

  // The server's due time, unless a full reading that still waits here has answered it.
  dueNow() {
    const due = this.state.due;
    if (!due) return null;
    const full = this.waitingVitals().filter((entry) => ["sbp", "dbp", "heart_rate"].every((name) => entry.payload.values[name] !== undefined));
    const latest = Math.max(...full.map((entry) => entry.at), -Infinity);
    if (latest === -Infinity) return due;
    const minutes = this.state.schedule;
    const before = (index) => minutes[index - 1] ?? minutes[index] - this.data.before_first_min * MINUTE;
    const at = minutes.find((each, index) => latest < (before(index) + each) / 2);
    return at === undefined ? null : { at, why: "schedule", here: true };
  }
}

function minutesInWords(minutes) {
  const whole = Math.max(0, Math.floor(minutes));
  return whole < 60 ? `${whole} min` : `${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, "0")} min`;
}

function deviceName() {
  const read = (name, make) => {
    try {
      const held = localStorage.getItem(name);
      if (held) return held;
      const made = make();
      localStorage.setItem(name, made);
      return made;
    } catch {
      return make();
    }
  };
  return { id: read("openkap-device", newId).slice(0, 36), name: read("openkap-device-name", () => (innerWidth > 1600 ? "wall display" : innerWidth < 600 ? "phone" : "tablet")) };
}

// In practice the session's clock runs faster than the room's.
function practiceClock(data) {
  const from = data.now;
  const began = Date.now();
  return { wall: () => Date.now(), ahead: 0, isKnown: true, heard() {}, now: () => from + (Date.now() - began) * data.speed };
}

async function main() {
  const data = JSON.parse(by("live-data").textContent);
  let store;
  try {
    store = await openStore(data.key);
  } catch {
    store = memoryStore();
  }
  const page = new Page(data, store);
  if (data.practice) (await import("./practice.js")).practise(page);
  globalThis.livePage = page;
  await page.start();
}

main();

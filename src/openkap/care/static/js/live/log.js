// Events newest first: what is in the record, what is corrected (crossed out), what is not saved yet.

import { authorOf } from "./outbox.js";
import { node } from "./pad.js";
import { rest } from "./rest.js";

const SHORT = { sbp: "", dbp: "", heart_rate: "pulse", spo2: "SpO₂", respiratory_rate: "breaths", moaas: "MOAA/S", distress_rating_0_10: "distress", cadss_6_total: "CADSS-6", bp_with_red_flag_symptom: "red flag" };
const ACT_WORDS = { gates: "before the dose", vitals: "vital signs", leaving: "before leaving", note: "note", start: "▶ start", pause: "‖ pause", resume: "▶ resume", rate: "↕ rate", stop: "■ stop", correct: "correction", take_back: "crossing out", settle: "decision", acknowledge: "acknowledgement", event: "adverse event", event_in_error: "crossing out of an adverse event", photo: "photograph", photo_in_error: "crossing out of a photograph" };

// The items of the short scale, by their labels: they stand in brackets behind its total.
const ITEMS = {};

export function nameItems(scale) {
  for (const item of scale?.items ?? []) ITEMS[item.id] = item.label;
}

function itemsInWords(values, of) {
  const given = Object.keys(ITEMS).filter((name) => values[name] !== undefined);
  const above = given.filter((name) => Number(of(name)) !== 0).map((name) => `${ITEMS[name]} ${of(name)}`);
  if (!given.length) return "";
  return ` (${[...above, ...(above.length < given.length ? [above.length ? "others 0" : "all items 0"] : [])].join("; ")})`;
}

export function valuesInWords(values) {
  const of = (name) => (values[name] === undefined ? undefined : values[name].number ?? values[name].text ?? values[name]);
  const parts = [];
  if (of("sbp") !== undefined || of("dbp") !== undefined) parts.push(`${of("sbp") ?? "–"}/${of("dbp") ?? "–"}`);
  for (const name of Object.keys(values)) {
    if (name === "sbp" || name === "dbp" || name in ITEMS) continue;
    parts.push(`${SHORT[name] ?? name.replaceAll("_", " ")} ${of(name)}${name === "cadss_6_total" ? itemsInWords(values, of) : ""}`);
  }
  return parts.join(" · ");
}

// One value by its name: a pressure has none of its own among the others.
export function valueInWords(name, value) {
  const said = { sbp: "systolic", dbp: "diastolic" }[name] ?? SHORT[name] ?? name.replaceAll("_", " ");
  return [said, value?.number ?? value?.text].filter((each) => each !== undefined && each !== null).join(" ");
}

// An adverse event as the server tells it, or as it waits on this tablet.
export function eventInWords(each) {
  return [each.term, `grade ${each.grade}`, each.serious_because && `serious: ${each.serious_because}`, each.relation, each.action_taken, each.treatment && `treated with ${each.treatment}`, each.outcome, each.words].filter(Boolean).join(" · ");
}

// By when a serious event is reported: a time, or that this site has set none.
export function reportInWords(page, each) {
  if (each.reported) return `reported to ${each.reported_to} ${page.dayTime(each.reported)}, ${each.reported_by}`;
  if (!each.counts || !each.report_why) return "";
  if (each.report_by === null) return `REPORT IT: ${each.report_why}`;
  const left = each.report_by - page.clock.now();
  return `REPORT BY ${page.dayTime(each.report_by)}, ${left < 0 ? `overdue by ${spanInWords(-left)}` : `${spanInWords(left)} left`}`;
}

function spanInWords(ms) {
  const hours = Math.floor(ms / 3_600_000);
  if (hours < 1) return `${Math.floor(ms / 60_000)} min`;
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

export function actInWords(act) {
  const more = [act.rate_ml_h === null ? "" : `${act.rate_ml_h} mL/h`, act.given_mg === null ? "" : `${act.given_mg} mg given in all`];
  return [act.words, ...more].filter(Boolean).join(" · ");
}

// A photograph, in a window of its own.
export function linkTo(url) {
  const link = node("a", "", "Look at it");
  link.href = url;
  link.target = "_blank";
  return link;
}

export function drawLog(page, list) {
  const rows = [];
  for (const entry of page.outbox.entries) rows.push(unsaved(page, entry));
  const { state } = page;
  for (const entry of state.entries) {
    if (entry.kind === "gate") continue;
    const words = entry.retracts ? "crossed out" : [valuesInWords(entry.values), entry.note].filter(Boolean).join(" · ");
    const extra = [];
    if (entry.unexpected?.length) extra.push(`outside what was expected: ${entry.unexpected.join(", ")}`);
    const gone = Object.entries(entry.crossed_out ?? {}).filter(([name]) => !(name in ITEMS)).map(([name, value]) => valueInWords(name, value));
    if (entry.reason) extra.push(`${gone.length ? `crossed out ${gone.join(", ")}` : "corrected"}: ${entry.reason}`);
    if (entry.entered - entry.at > 90_000) extra.push(`written ${page.time(entry.entered)}`);
    if (Math.abs(entry.ahead_s) > 5) extra.push(`tablet's clock ${entry.ahead_s} s off`);
    rows.push(row(page, entry.at, words, entry.by, extra, entry.counts ? () => page.correct(entry, false) : null, entry.counts ? "" : "is-gone"));
  }
  for (const event of state.events) {
    const extra = event.was ? [`was ${event.was_mg === null ? page.time(event.was) : `${event.was_mg} mg`}: ${event.reason}`] : [];
    rows.push(row(page, event.at, actInWords(event), event.by, extra, () => page.correct(event, true)));
  }
  for (const doubt of state.doubts) {
    const extra = [doubt.why, doubt.reason, doubt.is_open ? "" : `${doubt.decision} by ${doubt.decided_by}: ${doubt.because}`];
    const said = `${doubt.is_open ? "? " : ""}${actInWords(doubt)}${doubt.is_open ? ": does not fit, decide" : ""}`;
    rows.push(row(page, doubt.at, said, doubt.by, extra, doubt.is_open ? () => page.correct(doubt, true) : null, doubt.is_open ? "is-stuck" : "is-gone"));
  }
  for (const alert of state.alerts.filter((each) => each.seen_at)) {
    const extra = alert.seen_entered - alert.seen_at > 90_000 ? [`reached the server ${page.time(alert.seen_entered)}`] : [];
    rows.push(row(page, alert.seen_at, `alert ${alert.rule} seen: ${[alert.done, alert.since && `since then ${alert.since}`].filter(Boolean).join("; ")}`, alert.seen_by, extra, null));
  }
  for (const each of state.late ?? []) {
    const extra = [`ARRIVED AFTER SIGNING, ${page.dayTime(each.entered)}, not under the signature`];
    rows.push(row(page, each.at, each.words, each.by, extra, null, "", "Correct", each.url));
  }
  for (const each of state.adverse) {
    const extra = [each.ended ? `ended ${page.dayTime(each.ended)}` : "", each.reason ? `${each.in_error ? "crossed out" : "update"}: ${each.reason}` : "", each.after_signing ? "RECORDED AFTER SIGNING" : "", reportInWords(page, each)];
    rows.push(row(page, each.at, `adverse event: ${eventInWords(each)}`, each.by, extra, each.counts ? () => page.update(each) : null, each.counts ? "" : "is-gone", "Update"));
  }
  for (const each of state.photos) {
    const isAsked = page.outbox.entries.some((entry) => entry.act === "photo_in_error" && entry.payload.corrects === each.id);
    const crossOut = each.gone || isAsked ? null : () => page.crossOut(each, `photograph ${each.about}`, "photo_in_error");
    rows.push(row(page, each.at, `photograph ${each.about}`, each.by, [each.gone && `crossed out: ${each.gone}`], crossOut, each.gone ? "is-gone" : "", "Cross out", each.url));
  }
  rows.sort((a, b) => b.order - a.order);
  list.replaceChildren(...rows.map((each) => each.node));
}

function row(page, at, words, by, extra, correct, className = "", label = "Correct", url = "") {
  const made = node("li", className);
  made.append(node("time", "", page.time(at)));
  const text = node("span", "", words);
  const small = [by, ...extra].filter(Boolean).join(" · ");
  if (small) text.append(node("small", "", small));
  if (url) text.append(" ", linkTo(url));
  made.append(text);
  if (correct && page.mayWrite) {
    const button = node("button", "quiet", label);
    button.type = "button";
    button.addEventListener("click", correct);
    made.append(button);
  }
  return { node: made, order: at };
}

// Everything that was entered: an entry that becomes a note must not lose an amount.
function wordsOf(page, { act, payload }) {
  if (act === "take_back") return [payload.element && valueInWords(payload.element, { text: payload.value }), payload.reason].filter(Boolean).join(": ");
  if (act !== "event") {
    const values = payload.values ? valuesInWords(payload.values) : "";
    const amounts = [payload.rate_ml_h && `${payload.rate_ml_h} mL/h`, payload.given_mg && `${payload.given_mg} mg given in all`];
    return [values, ...amounts, payload.done, payload.note, payload.reason && `reason: ${payload.reason}`].filter(Boolean).join(" · ");
  }
  return [eventInWords(payload), payload.ended_at && `ended ${page.dayTime(Date.parse(payload.ended_at))}`, payload.reason && `update: ${payload.reason}`].filter(Boolean).join(" · ");
}

function download(base64, name) {
  const link = node("a");
  link.href = `data:image/jpeg;base64,${base64}`;
  link.download = name;
  link.click();
}

// Not in the record: says so, and offers what can be done about a refusal.
function unsaved(page, entry) {
  const at = page.outbox.observedAt(entry);
  const isMine = page.outbox.isMine(entry);
  const isStuck = isMine && entry.status !== "waiting";
  const made = node("li", isStuck ? "is-stuck" : "is-unsaved");
  made.append(node("time", "", page.time(at)));
  const words = wordsOf(page, entry);
  const text = node("span", "", `${ACT_WORDS[entry.act] ?? entry.act}: ${words}`);
  // Kept before entries named who made them: whoever knows that it is theirs says so.
  const isNobodys = !isMine && !entry.by;
  const said = isNobodys ? "waits on this tablet; nobody knows who entered it" : !isMine ? `waits on this tablet until ${authorOf(entry.by)} logs in here` : entry.said ? [entry.said.what, entry.said.value, entry.said.limit, entry.said.remedy].filter(Boolean).join("; ") : "waits on this tablet";
  text.append(node("small", "", `${isStuck ? "NOT TAKEN" : "NOT SAVED YET"}: ${said}`));
  made.append(text);
  const acts = node("div", "row-acts");
  const act = (label, work) => {
    const button = node("button", "quiet", label);
    button.type = "button";
    button.addEventListener("click", () => {
      rest(document.getElementById("log"));
      work();
    });
    acts.append(button);
  };
  if (isNobodys && page.mayWrite) act("I entered this", () => page.outbox.decide(entry.id, { by: page.data.who }));
  if (isStuck) {
    if (entry.status === "ask") act("It is right", () => page.outbox.decide(entry.id, { payload: { ...entry.payload, confirmed: true } }));
    const title = ACT_WORDS[entry.act] ?? entry.act;
    act("Correct", () => page.correctRefused(entry, title, said));
    act("Keep as a note", () => {
      // The record takes no picture in a note: it is put among the tablet's files first.
      if (entry.payload.image) download(entry.payload.image, `monitor-${page.time(at).replace(":", "")}.jpg`);
      page.outbox.intoNote(entry.id, `Not taken (${entry.said?.what ?? ""}): ${title} of ${page.dayTime(at)}${words ? `: ${words}` : ""}`);
    });
  }
  if (acts.children.length) made.append(acts);
  return { node: made, order: at + 1e12 };
}

// Events newest first: what is in the record, what is corrected (crossed out), what is not saved yet.

import { node } from "./pad.js";

const SHORT = { sbp: "", dbp: "", heart_rate: "pulse", spo2: "SpO₂", respiratory_rate: "breaths", moaas: "MOAA/S", distress_rating_0_10: "distress", cadss_6_total: "CADSS-6", bp_with_red_flag_symptom: "red flag" };
const ACT_WORDS = { gates: "before the dose", vitals: "vital signs", leaving: "before leaving", note: "note", start: "▶ start", pause: "‖ pause", resume: "▶ resume", rate: "↕ rate", stop: "■ stop", correct: "correction", take_back: "crossing out", settle: "decision", acknowledge: "acknowledgement", event: "adverse event", photo: "photograph" };

export function valuesInWords(values) {
  const of = (name) => (values[name] === undefined ? undefined : values[name].number ?? values[name].text ?? values[name]);
  const parts = [];
  if (of("sbp") !== undefined || of("dbp") !== undefined) parts.push(`${of("sbp") ?? "–"}/${of("dbp") ?? "–"}`);
  for (const name of Object.keys(values)) {
    if (name === "sbp" || name === "dbp") continue;
    parts.push(`${SHORT[name] ?? name.replaceAll("_", " ")} ${of(name)}`);
  }
  return parts.join(" · ");
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

export function drawLog(page, list) {
  const rows = [];
  for (const entry of page.outbox.entries) rows.push(unsaved(page, entry));
  const { state } = page;
  for (const entry of state.entries) {
    if (entry.kind === "gate") continue;
    const words = entry.retracts ? "crossed out" : [valuesInWords(entry.values), entry.note].filter(Boolean).join(" · ");
    const extra = [];
    if (entry.unexpected?.length) extra.push(`outside what was expected: ${entry.unexpected.join(", ")}`);
    if (entry.reason) extra.push(`corrected: ${entry.reason}`);
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
    rows.push(row(page, alert.seen_at, `alert ${alert.rule} seen: ${[alert.done, alert.corrected].filter(Boolean).join("; ")}`, alert.seen_by, [], null));
  }
  for (const each of state.adverse) {
    const extra = [each.ended ? `ended ${page.dayTime(each.ended)}` : "", each.reason ? `update: ${each.reason}` : "", each.after_signing ? "RECORDED AFTER SIGNING" : "", reportInWords(page, each)];
    rows.push(row(page, each.at, `adverse event: ${eventInWords(each)}`, each.by, extra, each.counts ? () => page.update(each) : null, each.counts ? "" : "is-gone", "Update"));
  }
  for (const each of state.photos) rows.push(row(page, each.at, `photograph ${each.about}`, each.by, [], null, "", "Correct", { words: "Look at it", url: each.url }));
  rows.sort((a, b) => b.order - a.order);
  list.replaceChildren(...rows.map((each) => each.node));
}

function row(page, at, words, by, extra, correct, className = "", label = "Correct", link = null) {
  const made = node("li", className);
  made.append(node("time", "", page.time(at)));
  const text = node("span", "", words);
  const small = [by, ...extra].filter(Boolean).join(" · ");
  if (small) text.append(node("small", "", small));
  if (link) {
    const anchor = node("a", "", link.words);
    anchor.href = link.url;
    anchor.target = "_blank";
    text.append(" ", anchor);
  }
  made.append(text);
  if (correct && page.mayWrite) {
    const button = node("button", "quiet", label);
    button.type = "button";
    button.addEventListener("click", correct);
    made.append(button);
  }
  return { node: made, order: at };
}

function wordsOf(page, { act, payload }) {
  if (payload.values) return valuesInWords(payload.values);
  if (act !== "event") return payload.note ?? payload.done ?? "";
  return [eventInWords(payload), payload.ended_at && `ended ${page.dayTime(Date.parse(payload.ended_at))}`, payload.reason && `update: ${payload.reason}`].filter(Boolean).join(" · ");
}

// Not in the record: says so, and offers what can be done about a refusal.
function unsaved(page, entry) {
  const at = page.outbox.observedAt(entry);
  const isStuck = entry.status !== "waiting";
  const made = node("li", isStuck ? "is-stuck" : "is-unsaved");
  made.append(node("time", "", page.time(at)));
  const words = wordsOf(page, entry);
  const text = node("span", "", `${ACT_WORDS[entry.act] ?? entry.act}: ${words}`);
  const said = entry.said ? [entry.said.what, entry.said.value, entry.said.limit, entry.said.remedy].filter(Boolean).join("; ") : "waits on this tablet";
  text.append(node("small", "", `${isStuck ? "NOT TAKEN" : "NOT SAVED YET"}: ${said}`));
  made.append(text);
  if (isStuck) {
    const acts = node("div", "row-acts");
    const act = (label, work) => {
      const button = node("button", "quiet", label);
      button.type = "button";
      button.addEventListener("click", work);
      acts.append(button);
    };
    if (entry.status === "ask") act("It is right", () => page.outbox.decide(entry.id, { payload: { ...entry.payload, confirmed: true } }));
    act("Keep as a note", () => page.outbox.intoNote(entry.id, `Not taken (${entry.said?.what ?? ""}): ${ACT_WORDS[entry.act] ?? entry.act} ${words}`.trim()));
    made.append(acts);
  }
  return { node: made, order: at + 1e12 };
}

// The session again, minute by minute, from the record: what was known at that minute, and nothing later.

import { drawChart } from "./chart.js";
import { wallTime } from "./clock.js";
import { eventInWords, linkTo, nameItems, valuesInWords } from "./log.js";
import { node } from "./pad.js";

const MINUTE = 60_000;
const by = (id) => document.getElementById(id);
const data = JSON.parse(by("live-data").textContent);
const state = data.state;
nameItems(data.short_scale);
const moments = [...state.entries.map((each) => each.at), ...state.events.map((each) => each.at)];
const begun = state.begun ?? Math.min(...moments, data.now);
const first = Math.floor((Math.min(begun, ...moments) - begun) / MINUTE);
const last = Math.ceil((Math.max(begun, ...moments) - begun) / MINUTE);

function time(ms) {
  return wallTime(ms, data.zone);
}

// On the tablet the alert stood with its reading, also in a cut; one without a reading arose by the clock.
function arose(alert) {
  return alert.entry ? Math.min(alert.at, alert.raised) : alert.raised;
}

function happened(until) {
  const rows = [
    ...state.entries.filter((each) => each.kind !== "gate").map((each) => [each.at, `${each.kind}: ${[valuesInWords(each.values), each.note].filter(Boolean).join(" · ")}`, each.by, each.counts]),
    ...state.events.map((each) => [each.at, `${each.words}${each.rate_ml_h === null ? "" : ` ${each.rate_ml_h} mL/h`}${each.given_mg === null ? "" : `, ${each.given_mg} mg given`}`, each.by, true]),
    ...state.doubts.map((each) => [each.at, `in doubt: ${each.words}, ${each.why}${each.is_open ? "" : `; ${each.decision}: ${each.because}`}`, each.by, each.is_open]),
    ...state.alerts.map((each) => [arose(each), `alert ${each.rule}: ${each.told.title ?? ""}`, "", true]),
    ...state.alerts.filter((each) => each.seen_at).map((each) => [each.seen_at, `alert ${each.rule} seen: ${each.done}`, each.seen_by, true]),
    ...state.adverse.map((each) => [each.at, `adverse event: ${eventInWords(each)}`, each.by, each.counts]),
    ...state.photos.map((each) => [each.at, `photograph ${each.about}`, [each.by, each.gone && `crossed out: ${each.gone}`].filter(Boolean).join(" · "), !each.gone, each.url]),
    ...state.late.map((each) => [each.at, `AFTER THE SIGNATURE: ${each.words}`, `${each.by} · reached the server ${time(each.entered)}, not under the signature`, true, each.url]),
  ];
  return rows.filter(([at]) => at <= until).sort((a, b) => b[0] - a[0]);
}

function show() {
  const minute = Number(by("minute").value);
  // The whole minute counts: what happened at 10:40:30 is part of 10:40.
  const until = begun + (minute + 1) * MINUTE - 1;
  const dose = [...state.events].reverse().find((each) => each.at <= until);
  by("elapsed").textContent = `minute ${minute}`;
  by("phase").textContent = "Replay";
  by("shown").textContent = `${time(begun + minute * MINUTE)} · minute ${minute}`;
  by("due").textContent = time(begun + minute * MINUTE);
  by("pump").textContent = dose ? `drug: ${dose.words}` : "drug not started";
  drawChart(document.querySelector("#chart svg"), state, { now: until, until, zone: data.zone });
  by("log").querySelector("ol").replaceChildren(
    // What came after the last minute stands with it.
    ...happened(minute === last ? Infinity : until).map(([at, words, who, counts, url]) => {
      const row = node("li", counts ? "" : "is-gone");
      const text = node("span", "", words);
      if (who) text.append(node("small", "", who));
      if (url) text.append(" ", linkTo(url));
      row.append(node("time", "", time(at)), text);
      return row;
    }),
  );
  const waiting = state.alerts.filter((each) => arose(each) <= until && !(each.seen_at && each.seen_at <= until));
  by("alerts").replaceChildren(
    ...waiting.map((each) => node("p", `alert ${each.priority} is-quiet`, `${each.rule} ${each.told.title ?? ""}: waiting`)),
  );
}

by("minute").min = first;
by("minute").max = last;
by("minute").value = first;
by("minute").addEventListener("input", show);
let playing = null;
by("play").addEventListener("click", () => {
  clearInterval(playing);
  if (by("play").textContent.startsWith("‖")) {
    by("play").textContent = "▶ Play";
    return;
  }
  by("play").textContent = "‖ Pause";
  playing = setInterval(() => {
    if (Number(by("minute").value) >= last) return by("play").click();
    by("minute").value = Number(by("minute").value) + 1;
    show();
  }, 250);
});
show();

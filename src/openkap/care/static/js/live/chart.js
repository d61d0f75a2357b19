// The anaesthetic chart: time left to right, one vertical for everything that happened at one moment.
// Systolic is a caret pointing down at its value, diastolic one pointing up, pulse a dot. Expected bands lie
// beneath in grey; what was observed is ink. Drawing only: numbers come from the server.

import { wallTime } from "./clock.js";

const NS = "http://www.w3.org/2000/svg";
const MINUTE = 60_000;
const LEFT = 46;
const RIGHT = 10;

function put(parent, name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

// Which minutes the chart spans: the whole session once the dose runs, a quarter of an hour before that.
export function span(state, now) {
  if (state.begun === null) return [now - 10 * MINUTE, now + 50 * MINUTE];
  const last = state.schedule.length ? state.schedule[state.schedule.length - 1] : state.begun + 120 * MINUTE;
  const end = Math.max(last + 8 * MINUTE, state.session.state === "left" ? last : now + 4 * MINUTE);
  return [state.begun - 8 * MINUTE, end];
}

export function drawChart(svg, state, { now, waiting = [], zone = "UTC", until = Infinity }) {
  const box = svg.getBoundingClientRect();
  const width = Math.max(280, box.width);
  const height = Math.max(60, box.height);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const [from, to] = span(state, now);
  const x = (ms) => LEFT + ((ms - from) / (to - from)) * (width - LEFT - RIGHT);
  const rows = height > 300 ? ["spo2", "respiratory_rate", "moaas"] : height > 220 ? ["spo2", "moaas"] : [];
  const rowHeight = 18;
  const foot = 26 + 16 + rows.length * rowHeight;
  const drug = 22;
  const level = state.expected.minutes.length && height > 190 ? Math.max(30, (height - foot - drug) * 0.2) : 0;
  const plot = { top: drug + level + 8, bottom: height - foot };
  const frame = { svg, state, now, until, zone, x, from, to, width, height };
  grid(frame, plot, height - 20);
  drawDrug(frame, drug);
  if (level) drawLevel(frame, drug + 4, drug + level);
  const values = shown(state, until);
  const y = scale(values, state, plot);
  drawBands(frame, y);
  drawAxis(frame, y, plot);
  drawReadings(frame, values, y);
  drawWaiting(frame, waiting, y);
  drawRows(frame, values, rows, plot.bottom + 16, rowHeight);
  drawMarks(frame, plot.bottom + 12);
  if (now >= from && now <= to && until === Infinity) {
    put(svg, "line", { class: "c-now", x1: x(now), x2: x(now), y1: 0, y2: height - 20 });
  }
}

function shown(state, until) {
  return state.entries.filter((entry) => entry.kind === "vitals" && entry.counts && entry.at <= until);
}

function number(entry, name) {
  return entry.values[name]?.number ?? null;
}

function scale(values, state, plot) {
  let low = 40;
  let high = 180;
  for (const entry of values) {
    for (const name of ["sbp", "dbp", "heart_rate"]) {
      const value = number(entry, name);
      if (value !== null) {
        low = Math.min(low, Math.floor(value / 20) * 20);
        high = Math.max(high, Math.ceil(value / 20) * 20);
      }
    }
  }
  const make = (value) => plot.bottom - ((value - low) / (high - low)) * (plot.bottom - plot.top);
  return Object.assign(make, { low, high });
}

function grid({ svg, state, x, from, to, zone, width }, plot, foot) {
  const start = state.begun ?? Math.ceil(from / (5 * MINUTE)) * 5 * MINUTE;
  const pixels = (x(to) - x(from)) / ((to - from) / MINUTE);
  const every = pixels * 10 > 44 ? 10 : pixels * 15 > 44 ? 15 : 30;
  for (let at = start - Math.floor((start - from) / (5 * MINUTE)) * 5 * MINUTE; at <= to; at += 5 * MINUTE) {
    const minute = Math.round((at - start) / MINUTE);
    const strong = minute % every === 0;
    put(svg, "line", { class: strong ? "c-grid" : "c-grid faint", x1: x(at), x2: x(at), y1: 0, y2: foot });
    if (!strong) continue;
    const label = state.begun === null ? wallTime(at, zone) : `${minute}`;
    put(svg, "text", { class: "c-tick", x: x(at), y: foot + 15, "text-anchor": "middle" }, label);
  }
  put(svg, "text", { class: "c-tick", x: 2, y: foot + 15 }, state.begun === null ? "time" : "min");
  for (const at of state.schedule) {
    put(svg, "line", { class: "c-due", x1: x(at), x2: x(at), y1: foot - 5, y2: foot + 3 });
  }
  put(svg, "line", { class: "c-frame", x1: LEFT, x2: width - RIGHT, y1: plot.bottom, y2: plot.bottom });
}

function drawDrug({ svg, state, x, now, until }, height) {
  put(svg, "text", { class: "c-label", x: 2, y: 15 }, "drug");
  if (!state.dose || state.begun === null) return;
  const rates = state.dose.rates;
  const last = Math.min(now, until);
  const full = Math.max(1e-9, ...rates.map(([, rate]) => rate));
  if (!rates.some(([, rate]) => rate > 0)) {
    put(svg, "circle", { class: "c-drug", cx: x(state.begun), cy: height / 2, r: 6 });
    return;
  }
  rates.forEach(([minute, rate], index) => {
    const begin = state.begun + minute * MINUTE;
    const end = Math.min(last, index + 1 < rates.length ? state.begun + rates[index + 1][0] * MINUTE : last);
    if (end <= begin || rate <= 0) return;
    const tall = 6 + 12 * (rate / full);
    put(svg, "rect", { class: "c-drug", x: x(begin), width: x(end) - x(begin), y: 20 - tall, height: tall });
  });
}

// The minutes of the expected curves that the chart has room for.
function within(state, to) {
  return state.expected.minutes.filter((minute) => state.begun + minute * MINUTE <= to);
}

function area(xs, low, high) {
  const forth = xs.map((at, i) => `${i ? "L" : "M"}${at.toFixed(1)} ${high[i].toFixed(1)}`);
  const back = xs.map((at, i) => `L${at.toFixed(1)} ${low[i].toFixed(1)}`).reverse();
  return `${forth.join("")}${back.join("")}Z`;
}

function line(xs, ys) {
  return xs.map((at, i) => `${i ? "L" : "M"}${at.toFixed(1)} ${ys[i].toFixed(1)}`).join("");
}

function drawLevel({ svg, state, x, to }, top, bottom) {
  const { concentration } = state.expected;
  const minutes = within(state, to);
  const most = Math.max(...concentration.high, 1);
  const y = (value) => bottom - (value / most) * (bottom - top);
  const xs = minutes.map((minute) => x(state.begun + minute * MINUTE));
  put(svg, "path", { class: "c-band", d: area(xs, concentration.low.map(y), concentration.high.map(y)) });
  put(svg, "path", { class: "c-middle", d: line(xs, concentration.middle.map(y)) });
  put(svg, "text", { class: "c-label", x: 2, y: top + 10 }, `${Math.round(most)}`);
  put(svg, "text", { class: "c-label", x: 2, y: top + 22 }, concentration.unit);
}

function drawBands({ svg, state, x, to }, y) {
  if (state.begun === null) return;
  const xs = within(state, to).map((minute) => x(state.begun + minute * MINUTE));
  for (const name of ["sbp", "dbp"]) {
    const band = state.expected.bands?.[name];
    if (!band) continue;
    const inside = (value) => y(Math.min(y.high, Math.max(y.low, value)));
    put(svg, "path", { class: `c-band ${name}`, d: area(xs, band.low.map(inside), band.high.map(inside)) });
    put(svg, "path", { class: "c-middle", d: line(xs, band.middle.map(inside)) });
  }
}

function drawAxis({ svg, width }, y, plot) {
  const tall = plot.bottom - plot.top;
  if (tall < 24) return;
  // Where there is little room only the ends, so that the numbers do not lie on each other.
  const step = tall > 160 ? 20 : tall >= 48 ? 40 : y.high - y.low;
  for (let value = tall >= 48 ? Math.ceil(y.low / step) * step : y.low; value <= y.high; value += step) {
    put(svg, "line", { class: "c-grid faint", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) });
    put(svg, "text", { class: "c-tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, `${value}`);
  }
}

const SIGNS = {
  sbp: (x, y) => `M${x - 6} ${y - 7}L${x} ${y}L${x + 6} ${y - 7}`,
  dbp: (x, y) => `M${x - 6} ${y + 7}L${x} ${y}L${x + 6} ${y + 7}`,
};

function sign(svg, name, x, y, extra = "") {
  if (name === "heart_rate") return put(svg, "circle", { class: `c-pulse ${extra}`, cx: x, cy: y, r: 3.5 });
  return put(svg, "path", { class: `c-sign ${extra}`, d: SIGNS[name](x, y) });
}

function drawReadings({ svg, x }, values, y) {
  for (const entry of values) {
    const at = x(entry.at);
    const [sbp, dbp] = [number(entry, "sbp"), number(entry, "dbp")];
    if (sbp !== null && dbp !== null) {
      put(svg, "line", { class: "c-pressure", x1: at, x2: at, y1: y(sbp), y2: y(dbp) });
    }
    for (const name of ["sbp", "dbp", "heart_rate"]) {
      const value = number(entry, name);
      if (value === null) continue;
      sign(svg, name, at, y(value));
      if (entry.unexpected?.includes(name)) {
        put(svg, "circle", { class: "c-unexpected", cx: at, cy: y(value), r: 10 });
      }
    }
  }
}

// Not yet saved: the same signs, dashed.
function drawWaiting({ svg, x }, waiting, y) {
  for (const entry of waiting) {
    for (const name of ["sbp", "dbp", "heart_rate"]) {
      const value = Number(entry.values[name]);
      if (entry.values[name] !== undefined && value) sign(svg, name, x(entry.at), y(value), "unsaved");
    }
  }
}

const ROW_WORDS = { spo2: "SpO₂", respiratory_rate: "breaths", moaas: "MOAA/S" };

function drawRows({ svg, x }, values, rows, top, height) {
  rows.forEach((name, index) => {
    const y = top + index * height + 13;
    put(svg, "text", { class: "c-label", x: 2, y }, ROW_WORDS[name]);
    let free = LEFT;
    for (const entry of values) {
      const value = number(entry, name);
      if (value === null || x(entry.at) < free) continue;
      put(svg, "text", { class: "c-value", x: x(entry.at), y, "text-anchor": "middle" }, `${value}`);
      free = x(entry.at) + 22;
    }
  });
}

const MARK = { high: "▲", medium: "△", low: "▿" };
const DOSE_MARK = { start: "▶", pause: "‖", resume: "▶", rate: "↕", stop: "■" };

function drawMarks({ svg, state, x, until }, y) {
  for (const event of state.events) {
    if (event.at > until) continue;
    put(svg, "text", { class: "c-event", x: x(event.at), y, "text-anchor": "middle" }, DOSE_MARK[event.kind]);
  }
  for (const alert of state.alerts) {
    if (alert.at > until) continue;
    const mark = put(svg, "text", { class: `c-alert ${alert.priority}`, x: x(alert.at), y, "text-anchor": "middle" }, MARK[alert.priority]);
    put(mark, "title", {}, `${alert.rule} ${alert.told.title ?? ""}`);
  }
}

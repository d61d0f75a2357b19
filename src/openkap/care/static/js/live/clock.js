// The server's clock as this device knows it. All times of entries are on the server's clock.
//
// One round trip bounds the difference by half its length; the shortest round trip of the last few wins.
// A clock that is set while the page is open is noticed against the monotonic clock, and the old
// measurements are forgotten. What an earlier page measured is good enough to show times by, and says so; what is
// entered waits for a measurement of its own.

const KEPT = 8;
const STEP_MS = 1500;

export class ServerClock {
  constructor({ wall = () => Date.now(), steady = () => performance.now() } = {}) {
    this.wall = wall;
    this.steady = steady;
    this.measured = [];
    this.kept = null;
    this.base = wall() - steady();
  }

  // The difference that an earlier page of this device measured; a clock that stands before that was set since.
  remember(kept) {
    if (kept && kept.ahead !== null && kept.at <= this.wall()) this.kept = kept.ahead;
  }

  // The wall clock was set, or the device slept: older measurements say nothing about it. One that leapt forward
  // most likely slept, and the difference is still good enough to show times by; one that went back was set.
  checkStep() {
    const base = this.wall() - this.steady();
    const step = base - this.base;
    this.base = base;
    if (Math.abs(step) <= STEP_MS) return;
    this.kept = step > 0 ? this.best() ?? this.kept : null;
    this.measured = [];
  }

  heard(sentAt, serverNow, receivedAt) {
    this.checkStep();
    const trip = Math.max(0, receivedAt - sentAt);
    this.measured.push({ trip, ahead: sentAt + trip / 2 - serverNow });
    if (this.measured.length > KEPT) this.measured.shift();
  }

  // By how many milliseconds this device's clock is ahead of the server's; null while nobody knows.
  get ahead() {
    this.checkStep();
    return this.best();
  }

  best() {
    if (!this.measured.length) return null;
    return Math.round(this.measured.reduce((best, each) => (each.trip < best.trip ? each : best)).ahead);
  }

  // The best that is known of the difference: measured, else remembered; null while it is neither.
  get known() {
    return this.ahead ?? this.kept;
  }

  get isKnown() {
    return this.known !== null;
  }

  now() {
    return this.wall() - (this.known ?? 0);
  }
}

const MINUTE = 60_000;
const DAY_MIN = 1440;
// By how much a clock on the wall may have been set between two moments of one day.
const SET_MIN = [0, 30, -30, 60, -60, 120, -120];

// HH:MM of a moment on the wall of `zone`.
export function wallTime(ms, zone) {
  return new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
}

// The moment nearest to `near` at which the clock on the wall showed this time: within half a day of it, or, where
// it must not be after `latest`, within the day before. Null where it never did, because it was set forward over it.
export function clockAt(text, near, zone, latest = Infinity) {
  const minutes = (time) => time.split(":").map(Number).reduce((hour, minute) => hour * 60 + minute);
  const wanted = minutes(text.trim());
  const shift = wanted - minutes(wallTime(near, zone));
  const start = Math.floor(near / MINUTE) * MINUTE;
  const moments = [-DAY_MIN, 0, DAY_MIN].flatMap((day) => SET_MIN.map((set) => start + (shift + day + set) * MINUTE));
  const within = (latest === Infinity ? DAY_MIN / 2 : DAY_MIN) + 60;
  const isNear = (at) => at <= latest && Math.abs(at - near) <= within * MINUTE;
  const shown = moments.filter((at) => isNear(at) && minutes(wallTime(at, zone)) === wanted);
  return shown.length ? shown.reduce((best, at) => (Math.abs(at - near) < Math.abs(best - near) ? at : best)) : null;
}

// A difference in words: "this clock is 3 min 12 s ahead".
export function aheadInWords(ahead) {
  if (ahead === null) return "not measured yet";
  const size = Math.abs(ahead);
  if (size < 1000) return "right within a second";
  const seconds = Math.round(size / 1000);
  const text = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${text} ${ahead > 0 ? "ahead" : "behind"}`;
}

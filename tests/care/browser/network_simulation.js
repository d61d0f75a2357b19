// Random schedules of the outbox under a simulated network; returns what went wrong, by seed, and what was done.
// True time is a number; each device's clock is ahead by its own skew. The server keeps what it committed. Two people
// share each device: what one of them entered must never be filed under the other.
async ({ schedules, first, forgets = false }) => {
  const { Outbox } = await import("/static/js/live/outbox.js");
  const { ServerClock } = await import("/static/js/live/clock.js");
  const { memoryStore } = await import("/static/js/live/store.js");
  const done = { cuts: 0, lostAnswers: 0, kills: 0, duplicates: 0, late: 0, reloads: 0, clocksSet: 0, sleeps: 0, shifts: 0, entries: 0 };
  const PEOPLE = [{ uid: "ben", name: "Ben" }, { uid: "ada", name: "Ada" }];

  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  class Server {
    constructor() {
      this.rows = new Map();
      this.started = false;
    }

    // As the endpoint: the same id once; what comes before the start, or before what it corrects, waits; each
    // entry is committed by itself, so a server that is killed has the first ones; `who` is logged in.
    take({ entries, who }, most = Infinity) {
      const answers = [];
      let waits = false;
      for (const entry of entries.slice(0, most)) {
        const isDose = ["start", "pause", "resume"].includes(entry.act);
        const isEarly = (entry.act !== "start" && !this.started) || (entry.act === "correct" && !this.rows.has(entry.payload.corrects));
        if (entry.by !== who) {
          answers.push({ id: entry.id, status: "later" });
          continue;
        }
        if (!this.rows.has(entry.id) && (isEarly || (isDose && waits))) {
          waits = waits || isDose;
          answers.push({ id: entry.id, status: "later" });
          continue;
        }
        if (entry.act === "start") this.started = true;
        if (!this.rows.has(entry.id)) this.rows.set(entry.id, { ...entry, under: who });
        answers.push({ id: entry.id, status: "saved" });
      }
      return answers;
    }
  }

  async function one(seed) {
    const chance = random(seed);
    let now = 1_800_000_000_000;
    let hostile = true;
    let downUntil = 0;
    let pump = "running";
    const server = new Server();
    const late = [];
    const want = new Map();
    const between = () => { now += Math.round(chance() * 400); };
    const device = (number) => {
      const made = { number, who: PEOPLE[number], store: memoryStore(), skew: Math.round((chance() - 0.5) * 600_000), slept: 0 };
      made.wall = () => now + made.skew;
      made.newClock = () => new ServerClock({ wall: made.wall, steady: () => now - made.slept });
      made.clock = made.newClock();
      made.post = async (entries) => {
        const copy = { entries: JSON.parse(JSON.stringify(entries)), who: made.who.uid };
        const fate = hostile ? chance() : 1;
        if (now < downUntil) throw new TypeError("the server is down");
        if (fate < 0.15) {
          done.cuts += 1;
          throw new TypeError("cut before");
        }
        if (fate < 0.28) {
          done.late += 1;
          late.push(copy);
          throw new TypeError("given up, arrives later");
        }
        const sentAt = made.wall();
        between();
        if (fate < 0.4) {
          done.kills += 1;
          server.take(copy, Math.floor(chance() * (copy.entries.length + 1)));
          downUntil = now + Math.round(chance() * 60_000);
          throw new TypeError("the server was killed in the middle");
        }
        const answers = server.take(copy);
        if (fate < 0.5) {
          done.lostAnswers += 1;
          throw new TypeError("the answer was lost");
        }
        if (fate < 0.65) {
          done.duplicates += 1;
          late.push(copy);
        }
        const serverNow = now;
        between();
        made.clock.heard(sentAt, serverNow, made.wall());
        return answers;
      };
      made.open = async () => {
        made.clock = made.newClock();
        made.outbox = new Outbox({ store: made.store, clock: made.clock, post: made.post, who: made.who });
        await made.outbox.open();
      };
      return made;
    };
    const devices = [device(0), device(1)];
    for (const each of devices) await each.open();
    // The page polls first: that measures the clock; then it sends.
    const settle = (each) => {
      if (now >= downUntil && (!hostile || chance() < 0.6)) {
        const sentAt = each.wall();
        between();
        const serverNow = now;
        between();
        each.clock.heard(sentAt, serverNow, each.wall());
      }
      return each.outbox.flush();
    };
    const changeShift = async (each) => {
      done.shifts += 1;
      each.who = PEOPLE[1 - PEOPLE.indexOf(each.who)];
      await each.open();
    };
    const choose = (each) => {
      if (each.number === 0 && !want.has("0-start")) return "start";
      const what = chance();
      if (what < 0.6 || !want.has("0-start")) return "vitals";
      if (what < 0.75 && want.size > 1) return "correct";
      pump = pump === "running" ? "paused" : "running";
      return pump === "running" ? "resume" : "pause";
    };
    const enter = async (each, step) => {
      const act = choose(each);
      const id = act === "start" ? "0-start" : `${each.number}-${step}`;
      const names = act === "correct" ? { corrects: [...want.keys()][Math.floor(chance() * want.size)] } : {};
      want.set(id, { at: now, number: each.number, by: each.who.uid });
      done.entries += 1;
      await each.outbox.add(act, { values: { sbp: 120 + step }, ...names }, { id });
      if (forgets && chance() < 0.3) await each.store.remove(id).then(each.open);
    };
    for (let step = 0; step < 16; step += 1) {
      now += Math.round(1000 + chance() * 90_000);
      const each = devices[chance() < 0.5 ? 0 : 1];
      const what = chance();
      if (what < 0.5) await enter(each, step);
      else if (what < 0.64) {
        done.reloads += 1;
        await (chance() < 0.5 ? changeShift(each) : each.open());
      } else if (what < 0.68 && each.clock.ahead !== null) {
        // Set while the page knows its lead; what a clock did while nobody measured it cannot be known.
        done.clocksSet += 1;
        each.skew = Math.round((chance() - 0.5) * 600_000);
      } else if (what < 0.72) {
        done.sleeps += 1;
        now += 1_200_000;
        each.slept += 1_200_000;
      } else if (what < 0.85 && late.length) server.take(late.splice(Math.floor(chance() * late.length), 1)[0]);
      else await settle(each);
    }
    if (!want.has("0-start")) {
      now += 1000;
      want.set("0-start", { at: now, number: 0, by: devices[0].who.uid });
      await devices[0].outbox.add("start", {}, { id: "0-start" });
    }
    hostile = false;
    now = Math.max(now, downUntil);
    while (late.length) server.take(late.pop());
    for (let round = 0; round < 24; round += 1) {
      now += 2000;
      if (round % 6 === 5) for (const each of devices) await changeShift(each);
      for (const each of devices) await settle(each);
    }
    const wrong = [];
    for (const each of devices) if (each.outbox.entries.length || (await each.store.all()).length) wrong.push("left over");
    if (server.rows.size !== want.size) wrong.push(`${server.rows.size} rows for ${want.size} entries`);
    for (const [id, made] of want) {
      const row = server.rows.get(id);
      if (!row) wrong.push(`${id} lost`);
      else if (row.under !== made.by) wrong.push(`${id} of ${made.by} filed under ${row.under}`);
      // Half of the longest round trip is what no clock can know.
      else if (Math.abs(Date.parse(row.observed_at) - made.at) > 450) wrong.push(`${id} off by ${Date.parse(row.observed_at) - made.at} ms`);
    }
    const order = [...server.rows.values()].sort((a, b) => Date.parse(a.observed_at) - Date.parse(b.observed_at)).map((row) => row.id);
    const truth = [...want].sort((a, b) => a[1].at - b[1].at).map(([id]) => id);
    if (String(order) !== String(truth)) wrong.push("order");
    return wrong;
  }

  const failures = [];
  for (let seed = first; seed < first + schedules; seed += 1) {
    const wrong = await one(seed);
    if (wrong.length) failures.push({ seed, wrong });
  }
  return { failures: failures.slice(0, 10), done };
}

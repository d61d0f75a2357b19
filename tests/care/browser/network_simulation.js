// Random schedules of the outbox under a simulated network; returns what went wrong, by seed.
// True time is a number; each device's clock is ahead by its own skew. The server keeps what it acknowledged.
async ({ schedules, first, forgets = false }) => {
  const { Outbox } = await import("/static/js/live/outbox.js");
  const { ServerClock } = await import("/static/js/live/clock.js");
  const { memoryStore } = await import("/static/js/live/store.js");

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

    // As the endpoint: the same id once; a dose event that comes too early waits, and those after it.
    take(entries) {
      let waits = false;
      return entries.map((entry) => {
        const isDose = entry.act === "start" || entry.act === "pause";
        if (this.rows.has(entry.id)) return { id: entry.id, status: "saved" };
        if ((isDose && waits) || (entry.act !== "start" && !this.started)) {
          waits = waits || isDose;
          return { id: entry.id, status: "later" };
        }
        if (entry.act === "start") this.started = true;
        this.rows.set(entry.id, { ...entry });
        return { id: entry.id, status: "saved" };
      });
    }
  }

  async function one(seed) {
    const chance = random(seed);
    let now = 1_800_000_000_000;
    let hostile = true;
    const server = new Server();
    const late = [];
    const want = new Map();
    const device = (number) => {
      const skew = Math.round((chance() - 0.5) * 600_000);
      const made = { number, store: memoryStore(), skew, wall: () => now + skew };
      made.clock = new ServerClock({ wall: made.wall, steady: () => now });
      made.post = async (entries) => {
        const copy = JSON.parse(JSON.stringify(entries));
        const fate = hostile ? chance() : 1;
        if (fate < 0.2) throw new TypeError("cut before");
        if (fate < 0.35) {
          late.push(copy);
          throw new TypeError("given up, arrives later");
        }
        const sentAt = made.wall();
        now += Math.round(chance() * 400);
        const answers = server.take(copy);
        if (fate < 0.5) throw new TypeError("answer lost, or the server was killed after its commit");
        if (fate < 0.65) late.push(copy);
        const serverNow = now;
        now += Math.round(chance() * 400);
        made.clock.heard(sentAt, serverNow, made.wall());
        return answers;
      };
      made.open = async () => {
        made.clock = new ServerClock({ wall: made.wall, steady: () => now });
        made.outbox = new Outbox({ store: made.store, clock: made.clock, post: made.post });
        await made.outbox.open();
      };
      return made;
    };
    const devices = [device(0), device(1)];
    for (const each of devices) await each.open();
    // The page polls first: that measures the clock; then it sends.
    const settle = (each) => {
      if (!hostile || chance() < 0.6) {
        const sentAt = each.wall();
        now += Math.round(chance() * 400);
        const serverNow = now;
        now += Math.round(chance() * 400);
        each.clock.heard(sentAt, serverNow, each.wall());
      }
      return each.outbox.flush();
    };
    for (let step = 0; step < 14; step += 1) {
      now += Math.round(1000 + chance() * 90_000);
      const each = devices[chance() < 0.5 ? 0 : 1];
      const what = chance();
      if (what < 0.55) {
        const act = each.number === 0 && !want.has("0-start") ? "start" : chance() < 0.8 ? "vitals" : "pause";
        const id = act === "start" ? "0-start" : `${each.number}-${step}`;
        want.set(id, { at: now, number: each.number });
        await each.outbox.add(act, { values: { sbp: 120 + step } }, { id });
        if (forgets && chance() < 0.3) await each.store.remove(id).then(each.open);
      } else if (what < 0.7) await each.open();
      else if (what < 0.85 && late.length) server.take(late.splice(Math.floor(chance() * late.length), 1)[0]);
      else await settle(each);
    }
    if (!want.has("0-start")) {
      want.set("0-start", { at: now, number: 0 });
      await devices[0].outbox.add("start", {}, { id: "0-start" });
    }
    hostile = false;
    while (late.length) server.take(late.pop());
    for (let round = 0; round < 8; round += 1) {
      now += 2000;
      for (const each of devices) await settle(each);
    }
    const wrong = [];
    for (const each of devices) if (each.outbox.entries.length || (await each.store.all()).length) wrong.push("left over");
    if (server.rows.size !== want.size) wrong.push(`${server.rows.size} rows for ${want.size} entries`);
    for (const [id, made] of want) {
      const row = server.rows.get(id);
      if (!row) wrong.push(`${id} lost`);
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
  return failures.slice(0, 10);
}

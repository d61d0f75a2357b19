// Entries wait here until the server says that it has them. Nothing else may forget an entry.
//
// The store keeps them across a reload, sleep or dead battery; `post` carries them; both are handed in, so
// that the same module runs in the page and in a test with a network that cuts, doubles and reorders.
// An entry: {id, seq, by, act, payload, device_at, ahead, observed_at, status, said}
//   by: {uid, name} of the person who was logged in when it was made. It is sent under nobody else's login: on
//   a shared tablet it waits for that person.
//   status: waiting | ask | refused     (saved ones leave the outbox)
//   ahead: the device clock's lead when it was made; null until it is measured for the first time.

// Small batches: each answer that arrives is progress, also over a bad network.
const MOST_AT_ONCE = 10;

export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function authorOf(by) {
  return by?.name ?? "";
}

export class Outbox {
  constructor({ store, post, clock, who = null, changed = () => {}, saved = () => {} }) {
    Object.assign(this, { store, post, clock, who, changed, saved });
    this.entries = [];
    this.sending = null;
    this.again = false;
    this.seq = 0;
    this.keeping = 0;
  }

  // Take over what an earlier page left behind, or another tab of this browser put there.
  async open() {
    this.entries = (await this.store.all()).sort((a, b) => a.seq - b.seq);
    this.seq = this.entries.reduce((most, entry) => Math.max(most, entry.seq), this.seq);
    this.changed();
  }

  // Resolves when the entry is safely kept on this device; rejects when it is not.
  async add(act, payload, { observedAt = null, back = 0, id = newId() } = {}) {
    const entry = {
      id,
      seq: ++this.seq + this.clock.wall() * 1000,
      by: this.who,
      act,
      payload,
      device_at: this.clock.wall() - back,
      ahead: this.clock.ahead,
      observed_at: observedAt,
      status: "waiting",
      said: null,
    };
    this.keeping += 1;
    this.changed();
    try {
      await this.store.put(entry);
      this.entries.push(entry);
    } finally {
      this.keeping -= 1;
      this.changed();
    }
    this.flush();
    return entry;
  }

  // What a person decides about an entry the server asked about or refused.
  async decide(id, change) {
    const entry = this.entries.find((each) => each.id === id);
    if (!entry) return;
    Object.assign(entry, change, { status: "waiting", said: null });
    await this.store.put(entry);
    this.changed();
    this.flush();
  }

  // Only with a person's say: a refused entry is put into the record as a note instead.
  async intoNote(id, words) {
    const entry = this.entries.find((each) => each.id === id);
    if (!entry) return;
    await this.decide(id, { act: "note", payload: { note: words } });
  }

  isMine(entry) {
    return entry.by?.uid === this.who?.uid;
  }

  get waiting() {
    return this.entries.filter((entry) => entry.status === "waiting" && this.isMine(entry));
  }

  // [name, count] of everybody else whose entries wait here.
  get others() {
    const count = new Map();
    for (const { by } of this.entries.filter((entry) => !this.isMine(entry))) count.set(authorOf(by), (count.get(authorOf(by)) ?? 0) + 1);
    return [...count];
  }

  // What the server does not have yet: also an entry that this device is only about to keep.
  get held() {
    return this.entries.length + this.keeping;
  }

  get unsettled() {
    return this.entries.filter((entry) => entry.status !== "waiting" && this.isMine(entry));
  }

  observedAt(entry) {
    if (entry.observed_at !== null) return entry.observed_at;
    return entry.device_at - (entry.ahead ?? this.clock.known ?? this.clock.ahead ?? 0);
  }

  // One sending at a time; a request made meanwhile is one more sending afterwards.
  flush() {
    if (this.sending) {
      this.again = true;
      return this.sending;
    }
    this.sending = this.send().finally(() => {
      this.sending = null;
      if (this.again) {
        this.again = false;
        this.flush();
      }
    });
    return this.sending;
  }

  // Not before the clock is measured: an entry must not arrive with this device's own wrong time.
  async send() {
    if (this.clock.ahead === null) return;
    await this.learn();
    const batch = this.waiting.slice(0, MOST_AT_ONCE);
    if (!batch.length) return;
    const sent = batch.map((entry) => ({
      id: entry.id,
      by: entry.by?.uid,
      act: entry.act,
      payload: entry.payload,
      observed_at: new Date(this.observedAt(entry)).toISOString(),
    }));
    let answers;
    try {
      answers = await this.post(sent);
    } catch {
      return;
    }
    for (const answer of answers ?? []) await this.settle(answer);
    this.changed();
    const left = this.waiting.length;
    if (answers?.some((answer) => answer.status === "saved") && left) this.again = true;
  }

  // The clock's lead is known from now on: it holds for what was made before, and must not follow a clock
  // that somebody sets later.
  async learn() {
    for (const entry of this.entries.filter((each) => each.observed_at === null && each.ahead === null)) {
      entry.ahead = this.clock.ahead;
      await this.store.put(entry);
    }
  }

  async settle(answer) {
    const entry = this.entries.find((each) => each.id === answer.id);
    if (!entry) return;
    if (answer.status === "saved") {
      await this.store.remove(entry.id);
      this.entries = this.entries.filter((each) => each !== entry);
      this.saved(entry, answer);
      return;
    }
    entry.status = answer.status === "later" ? "waiting" : answer.status;
    entry.said = answer;
    await this.store.put(entry);
  }
}

// Answers that wait in this browser. One leaves it only when the server says by name that it is stored; what the
// server refuses stays here too, and is tried again when the page is opened anew.

// What the page holds of the patient's language; without, a sentence stays as it is written here.
const told = document.getElementById("patient-words");
const sentences = told ? JSON.parse(told.textContent) : {};

export function say(sentence, values = {}) {
  return (sentences[sentence] || sentence).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const WAITS = [1000, 2000, 5000, 10000, 30000];

export async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  const data = await answer.json().catch(() => ({}));
  // Whatever is not the clinic's own word (a hotel's login page, a proxy, a server that is down) stored nothing.
  const spoken = answer.ok ? Array.isArray(data.kept) || Boolean(data.finished_at) : Boolean(data.what) || answer.status === 422;
  if (answer.status >= 500 || !spoken) throw new TypeError("the server is not there");
  return { ok: answer.ok, data };
}

export function pause(failures) { return WAITS[Math.min(failures, WAITS.length) - 1]; }

export function count(number) { return number > 1 ? say("{count} answers", { count: number }) : say("1 answer"); }

export class Waiting {
  // Each waiting answer has a key of its own, so that two tabs of one link never overwrite each other.
  constructor(key, api) {
    this.key = `openkap:${key}`;
    this.api = api;
    this.taps = [];
    this.refused = new Set();
    this.why = {};
    try {
      this.taps = Object.keys(localStorage).filter((each) => each.startsWith(`${this.key}:tap:`))
        .map((each) => JSON.parse(localStorage.getItem(each)))
        .sort((one, other) => one.answered_at.localeCompare(other.answered_at));
    } catch { /* private mode: the page itself still holds them */ }
  }

  put(tap) {
    this.taps.push(tap);
    try { localStorage.setItem(`${this.key}:tap:${tap.client_id}`, JSON.stringify(tap)); } catch { /* as above */ }
  }

  drop(stored) {
    const gone = new Set(stored);
    this.taps = this.taps.filter((tap) => !gone.has(tap.client_id));
    try { gone.forEach((id) => localStorage.removeItem(`${this.key}:tap:${id}`)); } catch { /* as above */ }
  }

  refuse(id, why) {
    this.refused.add(id);
    this.why = why;
  }

  get toSend() { return this.taps.filter((tap) => !this.refused.has(tap.client_id)); }

  get isRefused() { return this.taps.some((tap) => this.refused.has(tap.client_id)); }

  // Why some could not be sent, and what to do; empty when all is well.
  get trouble() {
    if (!this.isRefused) return "";
    const why = this.why.what ? `${this.why.what}. ` : "";
    const answers = count(this.taps.length);
    return say("NOT sent, your clinic does not have it: {why}{answers} kept on this device only. Please call the clinic.", { why, answers });
  }

  // Sends what waits; `saved` hears each answer of the server. Throws when the server cannot be reached.
  async send(saved) {
    let most = 50;
    while (this.toSend.length) {
      const batch = this.toSend.slice(0, most);
      const answer = await post(this.api, { answers: batch });
      if (answer.ok) {
        this.drop(answer.data.kept);
        answer.data.refused.forEach((each) => this.refuse(each.client_id, each));
        const unnamed = new Set([...answer.data.kept, ...answer.data.refused.map((each) => each.client_id)]);
        batch.filter((tap) => !unnamed.has(tap.client_id)).forEach((tap) => this.refuse(tap.client_id, {}));
        if (answer.data.kept.length) saved(answer.data);
      } else if (batch.length > 1) {
        // One of them is at fault: each by itself, so that the others arrive.
        most = 1;
      } else {
        this.refuse(batch[0].client_id, answer.data);
      }
    }
  }
}

// On the patient's own phone: the questions open again without network, with the answers given so far. The page
// itself is held by a worker, the answers by this browser, both until the questions are finished or the link ends.

function nameOf(key) { return `openkap:${key}:given`; }

export class OwnCopy {
  constructor(form) {
    this.name = nameOf(form.dataset.key);
    // Not on a tablet of the clinic: the page names no worker there.
    this.worker = form.dataset.worker;
    // The page came out of the worker's store, without what was answered since.
    this.isCopy = form.dataset.copy !== undefined;
  }

  get given() {
    try { return JSON.parse(localStorage.getItem(this.name)) || {}; } catch { return {}; }
  }

  put(answers) {
    if (!this.worker) return;
    try { localStorage.setItem(this.name, JSON.stringify({ ...this.given, ...answers })); } catch { /* private mode */ }
  }

  async hold() {
    if (!this.worker || !navigator.serviceWorker) return;
    try {
      const held = await navigator.serviceWorker.register(this.worker, { scope: window.location.pathname });
      const assets = performance.getEntriesByType("resource").map((each) => each.name);
      (held.installing || held.waiting || held.active).postMessage({ assets });
    } catch { /* without a worker the answers still wait here */ }
  }
}

export function forgetCopy(key) {
  try { localStorage.removeItem(nameOf(key)); } catch { /* as above */ }
}

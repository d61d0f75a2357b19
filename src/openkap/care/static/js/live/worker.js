// Lets a live page come back after a reload without network: the newest copy of the page and its scripts.
// Network first, always; the copy only when there is no network. Entries are not here but in the outbox.

const SHELL = "openkap-live-shell";
const PATIENCE_MS = 4000;
const isLive = (url) => /\/sessions\/[0-9a-z]{12}\/live\/$/.test(url.pathname);
const LEAVING = /^\/(logout|login|demo)\//;
const isScript = (url) => url.pathname.startsWith("/static/");

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin === self.location.origin && LEAVING.test(url.pathname)) event.waitUntil(forget());
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (isLive(url) || isScript(url)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const kept = await caches.open(SHELL);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (fresh.ok) await kept.put(request.url, fresh.clone());
    return fresh;
  } catch (failed) {
    const copy = await kept.match(request.url);
    if (copy) return copy;
    throw failed;
  }
}

// Somebody logs out, or the login page is shown because nobody is logged in any more: no page of a patient may
// open without network after that. What waits to be sent stays in the outbox.
async function forget() {
  const kept = await caches.open(SHELL);
  for (const request of await kept.keys()) if (isLive(new URL(request.url))) await kept.delete(request);
  await forgetStates();
}

function forgetStates() {
  return new Promise((done) => {
    const opening = indexedDB.open("openkap-live");
    // No page has made it yet: nothing is held, and it is not for the worker to make it.
    opening.onupgradeneeded = () => opening.transaction.abort();
    opening.onerror = () => done();
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction("kept", "readwrite");
      transaction.objectStore("kept").delete(IDBKeyRange.bound("state:", "state:\uffff"));
      transaction.oncomplete = transaction.onabort = () => {
        database.close();
        done();
      };
    };
  });
}

// Lets a live page come back after a reload without network: the newest copy of the page and its scripts.
// Network first, always; the copy only when there is no network. Entries are not here but in the outbox.

const SHELL = "openkap-live-shell";
const PATIENCE_MS = 4000;
const isLive = (url) => /\/sessions\/[0-9a-z]{12}\/live\/$/.test(url.pathname);
const isScript = (url) => url.pathname.startsWith("/static/");

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
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

// The page says when a session is over, or somebody logs out: its copy goes.
self.addEventListener("message", (event) => {
  if (event.data?.forget) event.waitUntil(caches.open(SHELL).then((kept) => kept.delete(event.data.forget)));
});

// Lets a patient's questions open again on their own phone without network. Its scope is one link, its store
// holds that page and the scripts and styles it needs, and nothing else. Network first, always. It forgets all
// and ends itself when the questions are finished or the link has ended.

const PAGE = self.registration.scope;
const HELD = `openkap-answer:${new URL(PAGE).pathname}`;
const PATIENCE_MS = 4000;
// Gone for good: the link was changed or has ended.
const ENDED = [404, 410];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The first page came before this worker: it names what it needs.
self.addEventListener("message", (event) => event.waitUntil(holdFirst(event.data.assets || [])));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (isAsset(url)) event.respondWith(asset(event.request));
  else if (url.origin + url.pathname === PAGE) event.respondWith(page(event.request));
  else if (url.href.startsWith(PAGE)) event.respondWith(lastPage(event.request));
});

function isAsset(url) { return url.origin === self.location.origin && url.pathname.startsWith("/static/"); }

async function holdFirst(assets) {
  const held = await caches.open(HELD);
  await Promise.allSettled(assets.filter((each) => isAsset(new URL(each))).map((each) => held.add(each)));
  if (!(await held.match(PAGE))) await page(new Request(PAGE, { credentials: "same-origin", redirect: "manual" })).catch(() => {});
}

async function asset(request) {
  // Nothing is held any more: the last page needs scripts too, and must not begin a new store.
  if (!(await caches.has(HELD))) return fetch(request);
  const held = await caches.open(HELD);
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (fresh.ok) await held.put(request.url, fresh.clone());
    return fresh;
  } catch (failed) {
    const copy = await held.match(request.url);
    if (copy) return copy;
    throw failed;
  }
}

async function page(request) {
  let fresh;
  try {
    fresh = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (failed) {
    const copy = await heldPage();
    if (copy) return copy;
    throw failed;
  }
  // Finished elsewhere: the server leads on to the last page.
  if (fresh.type === "opaqueredirect" || ENDED.includes(fresh.status)) await forget();
  // A hotel's login page is not the clinic's.
  else if (fresh.ok && fresh.headers.has("X-Request-Id")) await (await caches.open(HELD)).put(PAGE, fresh.clone());
  else if (fresh.status >= 500) return (await heldPage()) || fresh;
  return fresh;
}

async function lastPage(request) {
  const fresh = await fetch(request);
  await forget();
  return fresh;
}

// The page as it was, marked as a copy; none after the end of the link.
async function heldPage() {
  const copy = await (await caches.open(HELD)).match(PAGE);
  if (!copy) return undefined;
  const text = await copy.text();
  const ends = /data-ends="(\d+)"/.exec(text);
  if (!ends || Date.now() > Number(ends[1])) {
    await forget();
    return undefined;
  }
  const headers = new Headers(copy.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  return new Response(text.replace("data-ends=", "data-copy data-ends="), { headers });
}

async function forget() {
  await caches.delete(HELD);
  await self.registration.unregister();
}

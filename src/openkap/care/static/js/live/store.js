// Where entries survive: IndexedDB, written with strict durability. One database for all sessions of this
// device; each page sees its own session's entries.

const NAME = "openkap-live";

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function openStore(key) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("entries", { keyPath: "id" }).createIndex("key", "key");
    opening.result.createObjectStore("kept");
  };
  const database = await asked(opening);
  const within = (names, mode, work) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(names, mode, { durability: "strict" });
      const request = work(transaction);
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  return {
    all: () => within("entries", "readonly", (t) => t.objectStore("entries").index("key").getAll(key)),
    put: (entry) => within("entries", "readwrite", (t) => t.objectStore("entries").put({ ...entry, key })),
    remove: (id) => within("entries", "readwrite", (t) => t.objectStore("entries").delete(id)),
    keep: (name, value) => within("kept", "readwrite", (t) => t.objectStore("kept").put(value, name)),
    kept: (name) => within("kept", "readonly", (t) => t.objectStore("kept").get(name)),
    forget: (name) => within("kept", "readwrite", (t) => t.objectStore("kept").delete(name)),
  };
}

// Without IndexedDB (a private window of some browsers): entries live as long as the page, and it says so.
export function memoryStore() {
  const held = new Map();
  const kept = new Map();
  return {
    isMemory: true,
    all: async () => [...held.values()].map((entry) => ({ ...entry })),
    put: async (entry) => void held.set(entry.id, { ...entry }),
    remove: async (id) => void held.delete(id),
    keep: async (name, value) => void kept.set(name, value),
    kept: async (name) => kept.get(name),
    forget: async (name) => void kept.delete(name),
  };
}

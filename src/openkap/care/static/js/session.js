// What the session page adds to plain forms: an id that makes sending twice harmless, and the device's clock.

function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

document.querySelectorAll("form[data-stamp]").forEach((form) => {
  const id = form.querySelector("input[name=client_id]");
  if (id) id.value = freshId();
  form.addEventListener("submit", () => {
    const clock = form.querySelector("input[name=device_now]");
    if (clock) clock.value = new Date().toISOString();
  });
});

// The title says how many alerts wait, so that a tab in the background cannot hide them.
const plain = document.title;
function countAlerts() {
  const waiting = document.querySelectorAll("#now .alert").length;
  document.title = waiting ? `(${waiting}) ${plain}` : plain;
}
document.addEventListener("htmx:afterSwap", countAlerts);
countAlerts();

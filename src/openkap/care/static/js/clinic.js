// What every page gets on top of plain HTML; without it everything still works.

// Focus goes to what needs mending.
function focusTrouble(root) {
  const trouble = root.querySelector("[data-focus]");
  if (trouble) trouble.focus();
}

// A form with unsaved text asks before it is left; sending it is not leaving.
function guard(form) {
  let dirty = false;
  form.addEventListener("input", () => { dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
}

// A second tap on a slow network must not send the form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 5000);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
});

document.addEventListener("DOMContentLoaded", () => {
  focusTrouble(document);
  document.querySelectorAll("form[data-guard]").forEach(guard);
});
document.addEventListener("htmx:afterSwap", (event) => focusTrouble(event.detail.elt));

// The network is gone: say so once, in words, and say when it is back.
function network() {
  let bar = document.getElementById("network");
  if (navigator.onLine) { if (bar) bar.remove(); return; }
  if (bar) return;
  bar = document.createElement("p");
  bar.id = "network";
  bar.className = "note tone-watch";
  bar.setAttribute("role", "status");
  bar.textContent = "No network. What you type stays on this page until it is back.";
  document.getElementById("main").prepend(bar);
}
window.addEventListener("online", network);
window.addEventListener("offline", network);

// What every page gets on top of plain HTML; without it everything still works.

// Focus goes to what needs mending.
function focusTrouble(root) {
  const trouble = root.querySelector("[data-focus]");
  if (trouble) trouble.focus();
}

// A form with unsaved text asks before it is left, and says so; sending it is not leaving. One that is saved as it
// is filled has unsaved text until an answer says that this very text was taken.
function guard(form) {
  const filled = () => [...form.elements].filter((each) => each.matches("textarea, select, input:not([type=hidden])"));
  const text = () => JSON.stringify(filled().map((each) => [each.value, each.checked]));
  // What was refused is on the page again, and nowhere else.
  const refused = document.body.dataset.again !== undefined && form.parentElement.querySelector("[data-focus]");
  let saved = refused ? "" : text(), sent = saved;
  const show = () => form.toggleAttribute("data-unsaved", text() !== saved);
  show();
  form.addEventListener("input", show);
  form.addEventListener("submit", () => { saved = text(); });
  form.addEventListener("htmx:beforeRequest", () => { sent = text(); });
  form.addEventListener("htmx:afterRequest", (event) => {
    const { status } = event.detail.xhr;
    saved = status >= 200 && status < 300 ? sent : "";
    show();
  });
  window.addEventListener("beforeunload", (event) => { if (text() !== saved) event.preventDefault(); });
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

// A page that answers what was sent is kept by no cache: going back to it would end at the browser's own error. Its
// place in the history becomes a page that can be asked for: itself with what was chosen, else the one before it.
function askableAgain() {
  const { again } = document.body.dataset;
  if (again === undefined) return;
  document.querySelectorAll("form:not([action])").forEach((form) => { form.setAttribute("action", location.href); });
  const before = document.referrer.startsWith(`${location.origin}/`) ? document.referrer : location.href;
  history.replaceState(history.state, "", again || before);
}

document.addEventListener("DOMContentLoaded", () => {
  askableAgain();
  focusTrouble(document);
  document.querySelectorAll("form[data-guard]").forEach(guard);
});
document.addEventListener("htmx:afterSwap", (event) => focusTrouble(event.detail.elt));

// A browser shows a date in its own order, and 11/12 may be either: the day beside it, as every page writes days.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const WITH_A_DAY = "input[type=date], input[type=datetime-local]";
function dayInWords(value) {
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?/.exec(value);
  if (!found) return "";
  const [, year, month, day, time] = found;
  const week = DAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()];
  return `${week} ${Number(day)} ${MONTHS[month - 1]} ${year}${time ? ` ${time}` : ""}`;
}
function showDay(input) {
  // Outside a label around the field, so that the field keeps its name.
  const beside = input.closest("label") ?? input;
  let told = beside.nextElementSibling?.matches("output.day") ? beside.nextElementSibling : null;
  if (!told) {
    told = document.createElement("output");
    told.className = "day";
    if (input.id) told.htmlFor = input.id;
    beside.after(told);
  }
  told.textContent = dayInWords(input.value);
}
function showDays(root) { root.querySelectorAll(WITH_A_DAY).forEach(showDay); }
document.addEventListener("input", (event) => { if (event.target.matches(WITH_A_DAY)) showDay(event.target); });
document.addEventListener("DOMContentLoaded", () => showDays(document));
document.addEventListener("htmx:afterSwap", () => showDays(document));
// What the browser put back itself, after going back.
window.addEventListener("pageshow", () => showDays(document));

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

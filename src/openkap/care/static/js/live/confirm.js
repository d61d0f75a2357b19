// What cannot be taken back is asked for once more: in another place than the first tap, after a rest that no
// double tap outlasts, in words that stay as they were understood.

import { node } from "./pad.js";

const REST_MS = 800;
const WAITS_MS = 20_000;

// Under `row`: what was understood, a button that does it, and one that leaves it. Whatever is entered meanwhile
// takes the question away: it asked about something else. `act` is given the reason where one is asked for.
export function askOnce(row, { said, yes, act, reason = "" }) {
  leave(row);
  const box = node("div", "confirm");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Confirm");
  const why = reason ? node("input") : null;
  const [does, leaves] = [node("button", "danger", yes), node("button", "quiet", "Leave it")];
  does.type = leaves.type = "button";
  does.disabled = true;
  setTimeout(() => { does.disabled = false; }, REST_MS);
  const gone = () => {
    clearTimeout(forgotten);
    box.remove();
    row.removeEventListener("input", gone);
    for (const each of row.querySelectorAll("[data-asks]")) each.disabled = false;
  };
  const forgotten = setTimeout(gone, WAITS_MS);
  does.addEventListener("click", () => {
    if (why && !why.value.trim()) return why.focus();
    does.disabled = true;
    gone();
    act(why?.value.trim() ?? "");
  });
  leaves.addEventListener("click", gone);
  row.addEventListener("input", gone);
  box.append(node("p", "", said));
  if (why) {
    const label = node("label", "", reason);
    label.append(why);
    box.append(label);
    clearTimeout(forgotten);
  }
  box.append(leaves, does);
  for (const each of row.querySelectorAll("[data-asks]")) each.disabled = true;
  box.leave = gone;
  row.after(box);
  box.scrollIntoView({ block: "nearest" });
}

// A question that nobody answered, under this row.
function leave(row) {
  if (row.nextElementSibling?.classList.contains("confirm")) row.nextElementSibling.leave();
}

// A button that first asks; `question` gives what is asked, or says what is missing and gives nothing.
export function asking(text, question, className = "") {
  const made = node("button", className, text);
  made.type = "button";
  made.dataset.asks = "";
  made.addEventListener("click", () => {
    const asked = question();
    if (asked) askOnce(made.closest(".panel-acts"), asked);
  });
  return made;
}

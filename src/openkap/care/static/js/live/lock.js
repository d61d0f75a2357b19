// A locked tablet: nothing of the patient is shown and nothing can be entered, but it still says and sounds
// that alerts wait, because the next person beside the chair may be the one who must act.

import { node } from "./pad.js";

const COVERED = "main > :not(#cover), .banner";

export function drawLock(page) {
  const cover = document.getElementById("cover");
  if (!cover) return;
  document.body.classList.toggle("is-locked", page.isLocked);
  for (const part of document.querySelectorAll(COVERED)) part.inert = page.isLocked;
  cover.hidden = !page.isLocked;
  if (!page.isLocked) return;
  document.querySelector("dialog.emergency")?.remove();
  const said = alertsInWords(waitingBehind(page));
  const network = page.online === false ? "No network: it opens when the network is back. Until then write on paper." : "";
  const mark = JSON.stringify([said, network]);
  if (cover.dataset.mark === mark) return;
  cover.dataset.mark = mark;
  const open = node("button", "", "Unlock");
  open.type = "button";
  open.addEventListener("click", () => location.reload());
  cover.replaceChildren(node("h2", "", "Screen locked"), node("p", "cover-alerts", said), node("p", "", network), open);
}

export function alertsInWords(count) {
  return count ? `‼ ${count} alert${count > 1 ? "s wait" : " waits"} at this chair` : "";
}

// What the server counts, and what this tablet worked out for entries that have not left it yet.
export function waitingBehind(page) {
  return (page.behindLock?.alerts ?? 0) + page.alerts.waiting.filter((alert) => alert.isProvisional).length;
}

// What sounds: the worst of them; one whose weight is not known counts as the worst.
export function alarmBehind(page) {
  if (!waitingBehind(page)) return null;
  const own = page.alerts.waiting.find((alert) => alert.isProvisional);
  return own ?? { priority: page.behindLock.worst || "high" };
}

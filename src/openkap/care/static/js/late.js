// The last page, and the page of a link that has ended: what still waits in this browser is handed in from here.

import { forgetCopy } from "./own-copy.js";
import { Waiting, count, pause, say } from "./waiting.js";

const place = document.getElementById("waiting");
const help = document.getElementById("help-now");
const waiting = new Waiting(place.dataset.key, place.dataset.api);
let failures = 0;

function report(text, isBad) {
  place.hidden = false;
  place.textContent = text;
  place.classList.toggle("tone-alarm", isBad);
}

async function handIn() {
  try {
    await waiting.send((data) => {
      report(say("What waited on this device is with your clinic now."), false);
      if (data.needs_help && help) help.hidden = false;
    });
    if (waiting.isRefused) report(waiting.trouble, true);
  } catch {
    failures += 1;
    const answers = count(waiting.taps.length);
    report(say("Not sent yet: {answers} kept on this device. Trying again; if you need somebody, call.", { answers }), true);
    setTimeout(handIn, pause(failures));
  }
}

forgetCopy(place.dataset.key);
if (waiting.taps.length) handIn();

// The last page, and the page of a link that has ended: what still waits in this browser is handed in from here.

import { Waiting, count, pause } from "./waiting.js";

const place = document.getElementById("waiting");
const help = document.getElementById("help-now");
const waiting = new Waiting(place.dataset.key, place.dataset.api);
let failures = 0;

function say(text, isBad) {
  place.hidden = false;
  place.textContent = text;
  place.classList.toggle("tone-alarm", isBad);
}

async function handIn() {
  try {
    await waiting.send((data) => {
      say("What waited on this device is with your clinic now.", false);
      if (data.needs_help && help) help.hidden = false;
    });
    if (waiting.isRefused) say(waiting.trouble, true);
  } catch {
    failures += 1;
    say(`Not sent yet: ${count(waiting.taps.length)} kept on this device. Trying again; if you need somebody, call.`, true);
    setTimeout(handIn, pause(failures));
  }
}

if (waiting.taps.length) handIn();

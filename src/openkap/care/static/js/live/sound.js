// The sound of alerts. What was chosen on this device stays; a browser plays nothing before the first tap on a page,
// so until then the button says that it waits for one.

const NAME = "openkap-sound";

function chosen() {
  try {
    return localStorage.getItem(NAME) === "on";
  } catch {
    return false;
  }
}

function choose(on) {
  try {
    localStorage.setItem(NAME, on ? "on" : "off");
  } catch {
    // Then it lasts as long as the page.
  }
}

export function soundButton(button, alerts) {
  const show = (on, words) => {
    button.setAttribute("aria-pressed", on);
    button.classList.toggle("is-waiting", words === "tap");
    button.querySelector(".sound-now").textContent = words;
    button.title = words === "tap" ? "The sound is on; it can be heard after the first tap on this page" : "";
  };
  const set = (on) => {
    alerts.allowSound(on);
    show(on, on ? "on" : "off");
  };
  const first = (event) => {
    removeEventListener("pointerdown", first);
    // A tap on the button itself decides by its click.
    if (!button.contains(event.target)) set(true);
  };
  if (chosen()) {
    show(true, "tap");
    addEventListener("pointerdown", first);
  }
  button.addEventListener("click", () => {
    removeEventListener("pointerdown", first);
    const on = button.classList.contains("is-waiting") || button.getAttribute("aria-pressed") !== "true";
    choose(on);
    set(on);
  });
}

// Screening without leaving the keyboard: inside a question y and n answer it and go on, up and down move.
// Only while a question has the focus, never while something is typed; the arrows of other kinds stay the browser's.

const TYPED = "input:not([type=radio]):not([type=checkbox]), textarea, select";
const KEPT = "openkap-screening-by-keyboard";

function questions() {
  return [...document.querySelectorAll("form.question")];
}

// Where an answer begins: what is chosen already, else the first thing that can be.
function enter(question) {
  const field = question.querySelector(".answers input:checked") || question.querySelector(".answers input");
  if (field) field.focus();
  question.scrollIntoView({ block: "center" });
}

function goTo(question) {
  if (question) { enter(question); return; }
  const next = document.querySelector("[data-next]");
  if (next) next.focus();
}

function move(from, step) {
  const all = questions();
  const place = all.indexOf(from) + step;
  if (place >= 0) goTo(all[place]);
}

function choose(question, word) {
  const words = word === "n" ? ["no", "never"] : ["yes"];
  const field = words.map((value) => question.querySelector(`input[type=radio][value=${value}]`)).find(Boolean);
  if (!field) return false;
  // The next question first: the answer that is saved replaces this one.
  const id = question.id;
  move(question, 1);
  document.getElementById(id).querySelector(`#${field.id}`).click();
  return true;
}

function firstOpen() {
  goTo(questions().find((each) => !each.classList.contains("is-done")) || questions()[0]);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const question = event.target.closest && event.target.closest("form.question");
  if (!question || event.target.matches(TYPED)) return;
  const yesNo = question.querySelector("input[type=radio][value=yes]");
  if (yesNo && (event.key === "y" || event.key === "n")) {
    sessionStorage.setItem(KEPT, "yes");
    if (choose(question, event.key)) event.preventDefault();
  } else if (yesNo && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    move(question, event.key === "ArrowDown" ? 1 : -1);
  }
});

const begin = document.querySelector("[data-by-keyboard]");
if (begin) {
  begin.hidden = false;
  begin.querySelector("button").addEventListener("click", () => {
    sessionStorage.setItem(KEPT, "yes");
    firstOpen();
  });
  // Who answered the last section by keyboard goes on where it is open; what needs mending comes first.
  if (sessionStorage.getItem(KEPT) && !document.querySelector("[data-focus]")) firstOpen();
}

// A signature drawn with a finger, a pen or a mouse. Without this module the typed name is the signature.
// Strokes are kept as whole numbers in a box of 600 by 200, as an SVG path.

const WIDTH = 600;
const HEIGHT = 200;
const MOST_POINTS = 1800;

export function pathOf(strokes) {
  return strokes
    .filter((stroke) => stroke.length)
    .map((stroke) => stroke.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join(""))
    .join("");
}

export function place(event, box) {
  const clamp = (value, most) => Math.max(0, Math.min(most, Math.round(value)));
  return [
    clamp(((event.clientX - box.left) / box.width) * WIDTH, WIDTH),
    clamp(((event.clientY - box.top) / box.height) * HEIGHT, HEIGHT),
  ];
}

function attach(field) {
  const canvas = field.querySelector("canvas");
  const kept = field.querySelector("input[name=strokes]");
  const pen = canvas.getContext("2d");
  let strokes = [];
  let points = 0;
  let drawing = false;
  pen.lineWidth = 3;
  pen.lineCap = "round";

  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    drawing = true;
    strokes.push([place(event, canvas.getBoundingClientRect())]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing || points >= MOST_POINTS) return;
    const stroke = strokes[strokes.length - 1];
    const [x, y] = place(event, canvas.getBoundingClientRect());
    const [lastX, lastY] = stroke[stroke.length - 1];
    if (Math.abs(x - lastX) + Math.abs(y - lastY) < 3) return;
    pen.beginPath();
    pen.moveTo(lastX, lastY);
    pen.lineTo(x, y);
    pen.stroke();
    stroke.push([x, y]);
    points += 1;
  });
  const lift = () => {
    drawing = false;
    kept.value = pathOf(strokes);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  field.querySelector("[data-clear]").addEventListener("click", () => {
    strokes = [];
    points = 0;
    kept.value = "";
    pen.clearRect(0, 0, WIDTH, HEIGHT);
  });
  field.hidden = false;
}

document.querySelectorAll("[data-signature]").forEach(attach);

// The entry pad: one tap a value. The field that is due stands open; its numbers lie in a table of tens (of sevens
// where the screen is narrow), the last value's row in the middle. Nothing is filled in beforehand; "same as last" is
// a tap of its own.

// As wide and as high as a gloved finger needs.
const CELL = 44;

export class Pad {
  constructor({ root, fields, last, picked, done }) {
    Object.assign(this, { root, fields, last, picked, done });
    this.values = {};
    this.active = fields[0].id;
    this.page = 0;
    this.typed = null;
    this.asked = {};
    root.addEventListener("click", (event) => this.tapped(event));
    root.addEventListener("keydown", (event) => this.keyed(event));
    root.addEventListener("pointerdown", () => { this.isHeld = true; });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => this.letGo()));
  }

  // The tap has been heard: what waited for the finger is drawn.
  letGo() {
    this.isHeld = false;
    this.refresh();
  }

  // What comes from the server changes the pad only where it shows something else, and never under a finger: a
  // table that is made anew between the touch and its end loses the tap.
  refresh() {
    if (!this.isHeld && this.drawn && this.drawn !== this.shown()) this.draw();
  }

  shown() {
    return JSON.stringify([this.active, this.page, this.typed, this.values, this.asked, this.last(this.active), this.table?.clientHeight, this.table?.clientWidth]);
  }

  get field() {
    return this.fields.find((each) => each.id === this.active);
  }

  clear() {
    this.values = {};
    this.asked = {};
    this.typed = null;
    this.active = this.fields[0].id;
    this.page = 0;
    this.draw();
  }

  // Values that were entered before: they could not be kept, or the page was left.
  fill(values) {
    this.values = { ...values };
    this.draw();
  }

  // The rows shown: around the last value, else around the middle of what is usual. Each begins at a multiple of its
  // length, so that a number keeps its place.
  rows() {
    const [low, high] = this.field.possible;
    if (this.field.id === "moaas") return null;
    const [from, to] = this.field.id === "spo2" ? [70, 100] : [low, high];
    const gap = this.table ? Number.parseFloat(getComputedStyle(this.table).rowGap) : 0;
    const fits = (space) => Math.floor((space + gap) / (CELL + gap));
    const length = Math.min(10, fits(this.table?.clientWidth || 600));
    const all = [];
    for (let row = Math.floor(from / length); row <= Math.floor(to / length); row += 1) all.push(row);
    const most = Math.max(3, Math.min(all.length, fits(this.table?.clientHeight || 260)));
    const start = { sbp: 130, dbp: 80, heart_rate: 80, spo2: 95, respiratory_rate: 15 };
    const middle = Math.floor((this.last(this.active) ?? start[this.active] ?? 50) / length);
    let first = all.indexOf(middle) - Math.floor((most - 1) / 2) + this.page * (most - 1);
    first = Math.max(0, Math.min(all.length - most, first));
    return { length, rows: all.slice(first, first + most), below: first > 0, above: first + most < all.length };
  }

  draw() {
    const held = this.root.contains(document.activeElement) ? document.activeElement.dataset : null;
    const focus = held ? { field: held.field, value: held.value } : null;
    this.root.querySelector(".pad-fields").replaceChildren(...this.fields.map((each) => this.fieldButton(each)));
    this.table = this.root.querySelector(".pad-table");
    this.root.querySelector(".pad-side").replaceChildren(...this.side());
    this.table.replaceChildren(...this.cells());
    this.picked(this.values);
    if (focus?.field) this.root.querySelector(`[data-field="${focus.field}"]`)?.focus();
    this.drawn = this.shown();
  }

  fieldButton(field) {
    const button = node("button", "pad-field", "");
    const value = this.values[field.id];
    const typing = this.typed !== null && field.id === this.active;
    const text = typing ? `${this.typed || "…"}` : value === undefined ? "–" : `${value}`;
    button.type = "button";
    button.dataset.field = field.id;
    button.setAttribute("aria-pressed", field.id === this.active ? "true" : "false");
    // A rule whose limit the site has not set gives no alert; silence must not look like safety.
    const name = node("span", "pad-name", field.short);
    if (field.unset?.length) name.append(node("span", "pad-unset", "no alert"));
    button.append(name, node("span", "pad-value", text), node("span", "pad-unit", field.unit));
    if (field.unset?.length) button.title = `No limit set by this site, no alert will be given: ${field.unset.join(", ")}`;
    if (value !== undefined) button.classList.add("is-set");
    if (this.asked[field.id]) button.classList.add("is-asked");
    return button;
  }

  cells() {
    if (this.typed !== null) return this.keypad();
    const rows = this.rows();
    if (!rows) return this.scores();
    const [low, high] = this.field.possible;
    this.table.style.setProperty("--row", rows.length);
    return rows.rows.flatMap((row) =>
      Array.from({ length: rows.length }, (_, place) => {
        const value = row * rows.length + place;
        const cell = node("button", "pad-cell", `${value}`);
        cell.type = "button";
        cell.dataset.value = value;
        cell.disabled = value < low || value > high;
        if (value === this.values[this.active]) cell.classList.add("is-chosen");
        const usual = this.field.plausible;
        if (usual && (value < usual[0] || value > usual[1])) cell.classList.add("is-unusual");
        return cell;
      }),
    );
  }

  scores() {
    const words = ["no response", "only to pain", "to touch", "to loud voice", "slow to voice", "awake"];
    const [low, high] = this.field.possible;
    const cells = [];
    for (let value = high; value >= low; value -= 1) {
      const cell = node("button", "pad-cell is-wide", `${value}`);
      cell.type = "button";
      cell.dataset.value = value;
      if (value === this.values[this.active]) cell.classList.add("is-chosen");
      if (this.field.id === "moaas") cell.append(node("small", "", words[value]));
      cells.push(cell);
    }
    return cells;
  }

  keypad() {
    return ["1", "2", "3", "4", "5", "6", "7", "8", "9", "⌫", "0", "OK"].map((key) => {
      const cell = node("button", "pad-cell is-key", key);
      cell.type = "button";
      cell.dataset.key = key;
      return cell;
    });
  }

  side() {
    const rows = this.typed === null ? this.rows() : null;
    const tools = [];
    const tool = (name, label, enabled = true) => {
      const button = node("button", "quiet pad-tool", label);
      button.type = "button";
      button.dataset.tool = name;
      button.disabled = !enabled;
      tools.push(button);
    };
    if (rows) {
      tool("lower", "▲ lower", rows.below);
      tool("higher", "▼ higher", rows.above);
    }
    const last = this.last(this.active);
    tool("same", last === null ? "no last value" : `same: ${last}`, last !== null);
    tool("keys", this.typed === null ? "keypad" : "table", this.field.id !== "moaas");
    tool("none", "not taken");
    return tools;
  }

  tapped(event) {
    const button = event.target.closest("button");
    if (!button || button.disabled) return;
    const { field, value, tool, key } = button.dataset;
    if (field) {
      this.active = field;
      this.page = 0;
      this.typed = null;
    } else if (value !== undefined) return this.choose(Number(value));
    else if (key) return this.key(key);
    else if (tool === "lower") this.page -= 1;
    else if (tool === "higher") this.page += 1;
    else if (tool === "same") return this.choose(this.last(this.active));
    else if (tool === "keys") this.typed = this.typed === null ? "" : null;
    else if (tool === "none") {
      delete this.values[this.active];
      this.next();
    } else return;
    this.draw();
  }

  keyed(event) {
    if (/^[0-9]$/.test(event.key)) {
      this.typed = (this.typed ?? "") + event.key;
      event.preventDefault();
      this.draw();
    } else if (event.key === "Backspace" && this.typed !== null) {
      event.preventDefault();
      this.key("⌫");
    } else if (event.key === "Enter" && this.typed) {
      event.preventDefault();
      this.key("OK");
    }
  }

  key(key) {
    if (key === "⌫") this.typed = this.typed.slice(0, -1);
    else if (key === "OK") {
      const value = Number(this.typed);
      const [low, high] = this.field.possible;
      if (this.typed === "") return this.draw();
      if (value < low || value > high) {
        this.asked[this.active] = "impossible";
        this.root.querySelector(".pad-said").textContent =
          `${this.field.label} cannot be ${value}; ${low} to ${high} ${this.field.unit} is possible. Read the monitor again.`;
        return this.draw();
      }
      return this.choose(value);
    } else if (this.typed.length < 3) this.typed += key;
    this.draw();
  }

  choose(value) {
    this.values[this.active] = value;
    delete this.asked[this.active];
    this.typed = null;
    this.root.querySelector(".pad-said").textContent = "";
    this.next();
    this.draw();
  }

  // On to the next field without a value; after the last one, to "Save".
  next() {
    this.page = 0;
    const index = this.fields.findIndex((each) => each.id === this.active);
    const order = [...this.fields.slice(index + 1), ...this.fields.slice(0, index)];
    const open = order.find((each) => this.values[each.id] === undefined);
    if (open) this.active = open.id;
    else this.done();
  }
}

export function node(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== "") made.textContent = text;
  return made;
}

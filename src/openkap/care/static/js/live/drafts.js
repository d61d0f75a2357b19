// What somebody began to enter and has not saved: kept on this tablet under their name, so that a change of the
// panel, a reload, a lock or a look at the board does not take it away.

export class Drafts {
  constructor(store, name, now) {
    Object.assign(this, { store, name, now, held: {} });
  }

  async open() {
    this.held = (await this.store.kept(this.name).catch(() => null)) ?? {};
  }

  // `at` stays the moment in which it was begun.
  keep(panel, values) {
    const before = this.held[panel];
    if (JSON.stringify(before?.values ?? {}) === JSON.stringify(values)) return;
    if (Object.keys(values).length) this.held[panel] = { at: before?.at ?? this.now(), values: { ...values } };
    else delete this.held[panel];
    this.store.keep(this.name, this.held).catch(() => {});
  }

  forget(panel) {
    this.keep(panel, {});
  }

  of(panel) {
    return this.held[panel] ?? null;
  }

  // The fields of a panel, as they stand.
  keepFields(panel, root) {
    const values = {};
    for (const field of fieldsOf(root)) {
      const value = field.type === "checkbox" ? field.checked : field.value;
      if (value !== untouched(field)) values[nameOf(field)] = value;
    }
    this.keep(panel, values);
  }

  fillFields(panel, root) {
    const held = this.of(panel);
    if (!held) return;
    for (const field of fieldsOf(root)) {
      const value = held.values[nameOf(field)];
      if (value === undefined) continue;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
  }
}

// Neither files, nor what is to be done anew each time (`data-once`).
function fieldsOf(root) {
  return [...root.querySelectorAll("input, select, textarea")].filter((field) => field.type !== "file" && !("once" in field.dataset));
}

function nameOf(field) {
  return field.getAttribute("aria-label") || field.name || field.closest("label")?.firstChild?.textContent || "";
}

// What the field shows where nobody has touched it: a panel fills its fields before it is shown.
function untouched(field) {
  return field.type === "checkbox" ? (field.dataset.untouched ?? "false") === "true" : field.dataset.untouched ?? "";
}

// To be called on a fresh panel, before a draft is filled in.
export function markUntouched(root) {
  for (const field of fieldsOf(root)) field.dataset.untouched = field.type === "checkbox" ? field.checked : field.value;
}

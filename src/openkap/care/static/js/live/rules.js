// The session's rules on this device, for alarms without network: three values, as on the server.
// true, false, or null for "not known".

const ORDER = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "=": (a, b) => a === b,
};

export function holds(when, facts) {
  if (when.all) return every(when.all.map((part) => holds(part, facts)));
  if (when.any) return some(when.any.map((part) => holds(part, facts)));
  if (when.not) {
    const inner = holds(when.not, facts);
    return inner === null ? null : !inner;
  }
  if (when.yes) return facts[when.yes] ?? null;
  const value = facts[when.fact] ?? null;
  if (value === null) return null;
  if (when.in) return when.in.includes(value);
  const limit = when.other ? facts[when.other] ?? null : when.limit;
  return limit === null ? null : ORDER[when.is](value, limit + (when.plus ?? 0));
}

function every(parts) {
  if (parts.includes(false)) return false;
  return parts.includes(null) ? null : true;
}

function some(parts) {
  if (parts.includes(true)) return true;
  return parts.includes(null) ? null : false;
}

// What fires on one reading: `data` holds the rules, `values` those of the reading, `baseline` before the dose, `earlier` readings [{at, heart_rate}].
export function fired(data, values, baseline, earlier, at) {
  const facts = { ...values };
  for (const name of ["sbp", "dbp"]) if (baseline[name] !== undefined) facts[`${name}_baseline`] = baseline[name];
  const lowest = sustained(earlier, values.heart_rate, at, data.sustained_min);
  if (lowest !== null) facts.heart_rate_sustained_5min = lowest;
  return data.rules.filter((rule) => holds(rule.when, facts) === true);
}

// The lowest pulse of a window that spans at least so many minutes.
function sustained(earlier, rate, at, minutes) {
  const rates = earlier.filter((each) => each.heart_rate !== undefined && each.at <= at);
  const reach = at - minutes * 60_000;
  const before = rates.filter((each) => each.at <= reach);
  if (!before.length) return null;
  const from = before[before.length - 1].at;
  const inside = rates.filter((each) => each.at >= from).map((each) => each.heart_rate);
  if (rate !== undefined) inside.push(rate);
  return Math.min(...inside);
}

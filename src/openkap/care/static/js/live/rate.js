// Amounts as somebody typed them, and why a rate cannot be set.

export function number(field) {
  const text = field.value.trim().replace(",", ".");
  const value = Number(text);
  return text && Number.isFinite(value) && value >= 0 ? value : null;
}

function decimals(field) {
  return (field.value.trim().replace(",", ".").split(".")[1] ?? "").length;
}

// Why a rate cannot be set, in words with the next step; empty when it can.
export function rateTrouble(page, field) {
  const value = number(field);
  if (value === null) return "Which rate? Enter mL/h as the pump shows it.";
  if (value === 0) return "0 mL/h is no rate: pause the pump, or stop the dose.";
  const kept = page.data.rate_decimals;
  if (decimals(field) > kept) return `${value} mL/h has more decimals than the record keeps (${kept}). Set the pump to ${value.toFixed(kept)} and enter that.`;
  return "";
}

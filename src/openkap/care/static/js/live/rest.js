// The one guard against a second tap: where something was just written, or has just moved under the finger, nothing
// takes a tap until the finger has had its time. It is the place that rests, whatever is drawn there meanwhile.

// Two taps of one finger come within this time.
export const REST_MS = 400;

const latest = new WeakMap();

// `focus` has the keyboard afterwards; without it whoever had it has it again, unless it went elsewhere.
export function rest(place, focus = null) {
  const held = focus ?? (place.contains(document.activeElement) ? document.activeElement : latest.get(place)?.held);
  const mine = { held };
  latest.set(place, mine);
  place.inert = true;
  setTimeout(() => {
    if (latest.get(place) !== mine) return;
    latest.delete(place);
    place.inert = false;
    if (held?.isConnected && document.activeElement === document.body) held.focus({ preventScroll: true });
  }, REST_MS);
}

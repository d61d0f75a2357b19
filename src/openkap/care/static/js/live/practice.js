// Practice: shows the simulated monitor, says what the scenario says, and cuts the network when it does.

import { node } from "./pad.js";

const SHOWN = [["sbp", ""], ["heart_rate", "pulse"], ["spo2", "SpO₂"], ["respiratory_rate", "breaths"], ["moaas", "MOAA/S"]];

export function practise(page) {
  const { data } = page;
  const minute = () => (page.clock.now() - page.state.begun) / 60_000;
  data.cutNow = () => data.happenings.some((each) => each.cut && minute() >= each.at && minute() < each.until);
  const show = () => {
    const trace = page.state.monitor ?? data.monitor;
    const now = minute();
    const values = trace.values;
    const at = Math.max(0, Math.min(values.sbp.length - 1, Math.round(now / trace.step_min)));
    const text = SHOWN.map(([name, word]) => (name === "sbp" ? `${values.sbp[at]}/${values.dbp[at]}` : `${word} ${values[name][at]}`));
    document.getElementById("monitor-values").replaceChildren("Monitor: ", node("strong", "", text.join("  ·  ")), ` distress ${values.distress_rating_0_10[at]}`);
    const said = data.happenings.filter((each) => now >= each.at && now < each.until).map((each) => each.say);
    const place = document.getElementById("monitor-said");
    if (place.textContent !== said.join(" ")) place.textContent = said.join(" ");
  };
  setInterval(show, 500);
  show();
}

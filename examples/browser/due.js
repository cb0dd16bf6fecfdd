// When a task is due: on a day ("2026-12-01"), which is that day wherever one is, or at a moment
// ("2026-12-01T09:00:00Z"), which is shown by the clock and the calendar of whoever looks at the page.

const DAY = 86_400_000; // ms
const isDay = (due) => due.length === "2026-12-01".length;

/** A moment as this device's calendar and clock show it, `2026-12-01T10:00:00.000`. */
const local = (moment) => new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
const today = () => local(new Date()).slice(0, 10);

/** What inputs for a date and a time take: a day has no time. */
export function parts(due) {
  if (!due || isDay(due)) return { day: due ?? "", time: "" };
  const [day, time] = local(new Date(due)).split("T");
  return { day, time: time.slice(0, 5) };
}

/** And back to what the service is sent, and answers with. */
export function join(day, time) {
  if (!day || !time) return day || null;
  return new Date(`${day}T${time}`).toISOString().replace(".000Z", "Z");
}

/** By what to sort: a day begins at this device's midnight. */
export const beginning = (due) => due && Date.parse(isDay(due) ? `${due}T00:00` : due);

/** Whether that is over: a day, when it is over here. */
export const isOver = (due) => (isDay(due) ? due < today() : Date.parse(due) < Date.now());

/** `today`, `tomorrow, 09:00`, `1 Dec`, `1 Dec 2030, 09:00`. */
export function inWords(due) {
  const { day } = parts(due);
  const days = (Date.parse(day) - Date.parse(today())) / DAY;
  const near = new Intl.RelativeTimeFormat([], { numeric: "auto" });
  const year = day.slice(0, 4) === today().slice(0, 4) ? undefined : "numeric";
  const far = new Date(day).toLocaleDateString([], { day: "numeric", month: "short", year, timeZone: "UTC" });
  const date = Math.abs(days) <= 1 ? near.format(days, "day") : far;
  const time = () => new Date(due).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return isDay(due) ? date : `${date}, ${time()}`;
}

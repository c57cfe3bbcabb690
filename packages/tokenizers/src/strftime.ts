const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

const fields: Record<string, (date: Date) => string> = {
  "%": () => "%",
  a: (date) => DAYS[date.getDay()].slice(0, 3),
  A: (date) => DAYS[date.getDay()],
  b: (date) => MONTHS[date.getMonth()].slice(0, 3),
  B: (date) => MONTHS[date.getMonth()],
  d: (date) => pad(date.getDate()),
  F: (date) => strftime(date, "%Y-%m-%d"),
  H: (date) => pad(date.getHours()),
  I: (date) => pad(date.getHours() % 12 || 12),
  j: (date) => pad(dayOfYear(date), 3),
  m: (date) => pad(date.getMonth() + 1),
  M: (date) => pad(date.getMinutes()),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  S: (date) => pad(date.getSeconds()),
  T: (date) => strftime(date, "%H:%M:%S"),
  w: (date) => String(date.getDay()),
  y: (date) => pad(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
};

/** `date` in local time by Python's format codes, in English; `%-d` and its like leave leading zeros out, unknown codes stay. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([%A-Za-z])/g, (code, unpadded: string, name: string) => {
    if (!Object.hasOwn(fields, name)) return code;
    const text = fields[name](date);
    return unpadded ? text.replace(/^0+(?=\d)/, "") : text;
  });
}

function dayOfYear(date: Date): number {
  // noon, so that the hour that daylight saving takes away does not matter
  const noon = new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12);
  return Math.round((noon.getTime() - new Date(date.getFullYear(), 0, 0, 12).getTime()) / 86_400_000);
}

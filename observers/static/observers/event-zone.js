/* Shows the two times of an event in the reader's own zone too, below the UTC that is signed.

   It must never replace the UTC time: that is the evidence. */

const format = new Intl.DateTimeFormat(document.documentElement.lang, {
  weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "shortOffset",
});

for (const place of document.querySelectorAll("[data-own-zone]")) {
  const time = place.parentElement.querySelector("time");
  const moment = new Date(time?.dateTime ?? "");
  if (!Number.isNaN(moment.valueOf()) && format.resolvedOptions().timeZone !== "UTC") {
    place.textContent = `${format.format(moment)}, your time`;
    place.hidden = false;
  }
}

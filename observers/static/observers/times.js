/* Times in the reader's own zone, beside those in UTC. It must never replace the UTC time, which
   is what is recorded. */

(() => {
  "use strict";

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const short = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });
  const inUtc = (moment) => moment.getTimezoneOffset() === 0;

  const enhance = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.title = `${whole.format(moment)} (${zone})`;
      if (inUtc(moment) || !time.closest("[data-own-times]")) continue;
      const own = document.createElement("span");
      own.className = "own-time";
      own.textContent = short.format(moment);
      time.parentElement.append(own);
    }
  };

  enhance(document);
  document.addEventListener("portal:added", (event) => enhance(event.target));
})();

/* Shows every time of the page in UTC or in the reader's own zone, as chosen in the masthead for the
   whole portal, and the other of the two as its title. A heading that says UTC is changed with its
   column; what fields ask for and what files hold stays in UTC.

   Invariant: no time is shown without its zone, be it beside it or in the heading of its column. */

(() => {
  "use strict";

  const STORED = "audit-portal-zone";
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone || "your own zone";
  const choice = document.getElementById("zone-choice");
  const select = document.getElementById("zone");
  const before = new WeakMap(); /* text nodes, and what they said in UTC */
  const SHOWN = /^(\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)?/;

  const pad = (number, width = 2) => String(number).padStart(width, "0");
  const offset = (moment) => {
    const minutes = -moment.getTimezoneOffset();
    const size = Math.abs(minutes);
    return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
  };
  const inOwn = (moment, like) => {
    const [, day, seconds] = SHOWN.exec(like) ?? [];
    const date = `${pad(moment.getFullYear(), 4)}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())} `;
    const clock = `${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
    return (day ? date : "") + clock + (seconds ? `:${pad(moment.getSeconds())}` : "");
  };
  const whole = (moment) => `${inOwn(moment, "2000-01-01 00:00:00")} ${offset(moment)} (${name})`;
  const plain = (time) => `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;

  const read = () => {
    try {
      return localStorage.getItem(STORED) === "own";
    } catch {
      return false; /* storage is forbidden: the choice lasts as long as the page */
    }
  };
  const isUtc = ["UTC", "Etc/UTC", "GMT"].includes(name);
  let own = !isUtc && read();

  const said = (node) => {
    if (!before.has(node)) before.set(node, node.data);
    return before.get(node);
  };
  const textsIn = (element) => [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);

  const showTime = (time) => {
    const moment = new Date(time.dateTime);
    const text = textsIn(time)[0];
    if (Number.isNaN(moment.getTime()) || !text || !SHOWN.test(said(text))) return;
    text.data = own ? inOwn(moment, said(text)) + said(text).replace(SHOWN, "") : said(text);
    const zone = time.querySelector(".zone");
    if (zone) zone.textContent = own ? ` ${offset(moment)}` : " UTC";
    time.title = own ? plain(time) : whole(moment);
    const other = time.parentElement.querySelector(":scope > [data-own-zone]");
    if (!other || isUtc) return;
    const exact = time.dateTime.replace("T", " ").replace("Z", " UTC");
    other.textContent = own ? `${exact}, as it is signed` : `${whole(moment)}, your time`;
    other.hidden = false;
  };

  const show = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) showTime(time);
    for (const heading of root.querySelectorAll("main th, #times-said")) {
      for (const text of textsIn(heading)) {
        if (!/\bUTC\b/.test(said(text))) continue;
        text.data = own ? said(text).replace(/\bUTC\b/, name) : said(text);
      }
    }
  };

  show(document);
  document.addEventListener("portal:added", (event) => show(event.target));
  document.addEventListener("htmx:afterSwap", (event) => show(event.target));
  if (!choice || isUtc) return;
  select.options[1].textContent = name;
  select.value = own ? "own" : "utc";
  choice.hidden = false;
  const choose = (wanted) => {
    own = wanted;
    select.value = own ? "own" : "utc";
    show(document);
  };
  select.addEventListener("change", () => {
    choose(select.value === "own");
    try {
      localStorage.setItem(STORED, select.value);
    } catch {
      /* as above */
    }
  });
  addEventListener("storage", (event) => {
    if (event.key === STORED) choose(read());
  });
})();

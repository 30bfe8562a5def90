/* Says the line of the banner to assistive technology when it has changed since this reader's last
   page, and not on every page again. */

(() => {
  "use strict";

  const STORED = "audit-portal-standing";
  let said = null;

  const read = () => {
    try {
      return sessionStorage.getItem(STORED) ?? "";
    } catch {
      return ""; /* storage is forbidden: each page announces it again */
    }
  };
  const tell = () => {
    const line = document.querySelector(".banner .banner-line")?.textContent ?? "";
    const now = line.replace(/\s+/g, " ").trim();
    if (now === read()) return;
    try {
      sessionStorage.setItem(STORED, now);
    } catch {
      /* as above */
    }
    said?.remove();
    if (!now) return;
    said = document.createElement("p");
    said.className = "hidden";
    said.setAttribute("role", "alert");
    said.textContent = now;
    document.body.append(said);
  };

  tell();
  document.addEventListener("portal:standing", tell);
})();
